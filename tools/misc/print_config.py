"""List the shipped configs, or print one with everything it inherits."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('config')
