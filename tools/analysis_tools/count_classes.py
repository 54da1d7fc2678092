"""Count the samples and classes of a config's data sets."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('count-classes')
