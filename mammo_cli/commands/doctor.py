"""Print what this machine has for mammo_plugins, and the cure for what it lacks."""

import argparse

from mammo_cli.command import Command
from mammo_cli.light import light


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        '--json', action='store_true', help='print a JSON object in place of the table'
    )


def run(args: argparse.Namespace) -> int:
    """Print the report."""
    # without the package above it, which may not import, as is to be told
    return light('doctor').report(args.json)


COMMAND = Command(
    'tools/doctor.py',
    'Print what this machine has for mammo_plugins, and the cure for what it lacks.\n\n'
    'The table is meant for bug reports: home folders, user and host names are '
    "replaced.\nOnly Python's standard library is needed.\n",
    '{command}\n  {command} --json > doctor.json\n\n'
    'The exit code is 0 when all that is required is there, 1 when something is not.',
    add_arguments,
    run,
)
