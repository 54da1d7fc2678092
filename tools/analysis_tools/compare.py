"""Compare two systems that were tested on the same patients."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('compare')
