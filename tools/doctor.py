"""Check the installation and report problems with their fixes."""

import sys
from pathlib import Path

# where nothing is installed it is to tell so
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('doctor')
