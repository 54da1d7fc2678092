"""Compare the adversarial gradient of a blending generator with that of L_S."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('gradient-ratios')
