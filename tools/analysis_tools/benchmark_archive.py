"""Time inference on an index against a plain loop of the same model."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('benchmark-archive')
