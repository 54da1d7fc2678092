"""List the exams of an archive by their headers, for inference in parts."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('index')
