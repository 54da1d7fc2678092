"""Run a model once at full size: does it build, what does it need?"""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('full-size-forward')
