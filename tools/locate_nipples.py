"""Find the nipples that a COCO-exam JSON lacks."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('nipples')
