"""Convert mini-MIAS to the COCO-exam format."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('convert mini-mias')
