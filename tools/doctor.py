"""Check the installation and report problems with their fixes."""

import sys
from pathlib import Path

# must also run and report if nothing is installed
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('doctor')
