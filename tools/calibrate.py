"""Calibrate scores and choose a recall threshold on the validation part."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('calibrate')
