"""Write predictions as DICOM objects, a table or COCO results."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('export')
