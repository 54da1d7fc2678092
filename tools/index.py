"""List the exams of an archive, by headers alone, for inference in parts."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('index')
