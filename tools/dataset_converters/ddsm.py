"""Convert the original DDSM (University of South Florida)."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('convert ddsm')
