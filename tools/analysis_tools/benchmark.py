"""Time tri-view against single-view detection of an exam."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('benchmark')
