"""Count what the false positives of an ablation's rows lie on in the phantom."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('phantom-false-positives')
