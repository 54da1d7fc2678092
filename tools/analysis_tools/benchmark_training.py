"""Time a training step, by number format and with compiled kernels."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('benchmark-training')
