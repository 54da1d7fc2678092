"""Cut lesions out of a data set to insert them into other images."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('lesion-bank')
