"""Compute Grad-CAM saliency of benign breasts, to place lesions in training."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('saliency')
