"""List the configs that are shipped, or print one with all that it inherits."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('config')
