"""Measure the best score that DisAsymNet's heat maps could reach on a data set."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('cam-ceiling')
