"""Measure how well DisAsymNet's heat maps could do on a data set at best."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('cam-ceiling')
