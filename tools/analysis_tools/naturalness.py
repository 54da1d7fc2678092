"""Train a classifier to distinguish synthetic lesions from real ones."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('naturalness')
