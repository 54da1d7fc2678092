"""Train a classifier to tell synthetic lesions from real ones."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('naturalness')
