"""Run a model once at full size, and report its memory."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('full-size-forward')
