"""Collect all wheels that a machine without a network needs in one folder."""

import argparse

from mammo_cli.command import Command
from mammo_cli.errors import refuse
from mammo_cli.light import light

# needs neither PyTorch nor the package, which may fail to import
wheelhouse = light('wheelhouse')


def run(args: argparse.Namespace) -> None:
    """Create the folder."""
    try:
        wheelhouse.run(args)
    except wheelhouse.WheelhouseError as error:
        refuse(str(error))


COMMAND = Command(
    'tools/misc/wheelhouse.py',
    wheelhouse.__doc__,
    wheelhouse.EXAMPLE,
    wheelhouse.add_arguments,
    run,
)
