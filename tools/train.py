"""Train a model."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('train')
