"""How fast the most salient region is found, beside the paper's double loop."""
from mammo_cli.main import tool

if __name__ == '__main__':
    tool('benchmark-region-selection')
