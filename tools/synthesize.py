"""Paste malignant lesions into benign breasts for training."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('synthesize')
