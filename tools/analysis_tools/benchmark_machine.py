"""Measure training, exams and data on this machine in one run."""

import sys
from pathlib import Path

# this script may have to install the packages
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('benchmark-machine')
