"""Print what this machine has for mammo_plugins, and the cure for what it lacks.

The table is meant for bug reports: home folders, user and host names are replaced.
Only Python's standard library is needed.
"""
import argparse
import importlib.util
import sys
from pathlib import Path

DOCTOR = Path(__file__).resolve().parents[1] / 'mammo_plugins/doctor/__init__.py'
EXAMPLE = """example:
  python tools/doctor.py
  python tools/doctor.py --json > doctor.json

The exit code is 0 when all that is required is there, 1 when something is not."""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--json', action='store_true',
                        help='print a JSON object in place of the table')
    return parser.parse_args()


def main() -> int:
    """Print the report."""
    args = parse_args()
    # by its file: the package above it may not import, which is to be told
    spec = importlib.util.spec_from_file_location('doctor', DOCTOR)
    doctor = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(doctor)
    return doctor.report(args.json)


if __name__ == '__main__':
    sys.exit(main())
