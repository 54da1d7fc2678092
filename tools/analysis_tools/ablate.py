"""Train and compare variants of a system on the phantom; write the tables."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('ablate')
