"""Convert RSNA Screening Mammography (Kaggle 2022) to the COCO-exam format."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('convert rsna')
