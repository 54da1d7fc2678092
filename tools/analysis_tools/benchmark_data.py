"""Time data loading against a plain loop over the same files."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('benchmark-data')
