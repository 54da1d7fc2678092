"""Add missing nipples to a COCO-exam JSON."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('nipples')
