"""Blend masses into normal views for training."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('blend')
