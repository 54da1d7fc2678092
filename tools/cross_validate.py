"""Train and test a config on each fold of its data; report mean and standard deviation."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('cross-validate')
