"""Draw the FROC curves of several runs in one figure."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('plot-froc')
