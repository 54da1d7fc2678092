"""Collect all wheels that a machine without a network needs in one folder."""

import sys
from pathlib import Path

# where nothing is installed it is to tell so
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('wheelhouse')
