"""Cut the lesions of a data set out, for InsertLesions."""
from mammo_cli.main import tool

if __name__ == '__main__':
    tool('lesion-bank')
