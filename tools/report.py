"""Write one HTML page of predictions and test results."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('report')
