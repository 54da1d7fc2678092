"""Check a data set in the COCO-exam format and report what is wrong."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('verify')
