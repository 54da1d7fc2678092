"""Time a training step by number format, with and without compilation."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('benchmark-training')
