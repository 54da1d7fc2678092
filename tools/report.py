"""Make one page of predictions and test results, for a browser."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('report')
