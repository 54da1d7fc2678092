"""Check the installation and report problems with their fixes."""

import argparse

from mammo_cli.command import Command
from mammo_cli.light import light


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        '--json', action='store_true', help='print a JSON object instead of the table'
    )


def run(args: argparse.Namespace) -> int:
    """Print the report."""
    # without its parent package, which may fail to import: that is to be reported
    return light('doctor').report(args.json)


COMMAND = Command(
    'tools/doctor.py',
    'Check the installation and report problems with their fixes.\n\n'
    'The table is meant for bug reports: home folders, user and host names are '
    "replaced. Needs only Python's standard library.\n",
    '{command}\n  {command} --json > doctor.json\n\n'
    'The exit status is 0 if all requirements are met, and 1 otherwise.',
    add_arguments,
    run,
)
