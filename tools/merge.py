"""Join the predictions of the parts of an archive."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('merge')
