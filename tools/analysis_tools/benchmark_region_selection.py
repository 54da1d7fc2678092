"""Time region selection against the paper's double loop."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('benchmark-region-selection')
