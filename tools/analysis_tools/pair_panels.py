"""Draw DisAsymNet's outputs for held-out asymmetric pairs."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('pair-panels')
