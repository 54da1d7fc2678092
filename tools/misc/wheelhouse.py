"""Collect all wheels that a machine without a network needs in one folder."""

import sys
from pathlib import Path

# must also run if nothing is installed
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('wheelhouse')
