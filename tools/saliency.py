"""Make Grad-CAM saliency of benign breasts, where lesions are pasted in training."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('saliency')
