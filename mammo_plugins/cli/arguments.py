"""Arguments that several commands have."""
import argparse
from pathlib import Path

from mmengine.config import DictAction

from mammo_plugins.io import add_limit_argument


class _KeyValues(DictAction):
    """mmengine's ``--cfg-options``, with an error for what is not key=value."""

    def __call__(self, parser, namespace, values, option_string=None):
        for value in values:
            key, equals, _ = value.partition('=')
            if not equals:
                parser.error(f'--cfg-options: {value!r} is not key=value')
            if not all(part.strip() for part in key.split('.')):
                parser.error(f'--cfg-options: {value!r} has an empty name before =')
        try:
            super().__call__(parser, namespace, values, option_string)
        except Exception as error:  # brackets that are not closed, and the like
            parser.error(f'--cfg-options {" ".join(values)}: not readable values '
                         f'({error})')


def parser(description: str, example: str) -> argparse.ArgumentParser:
    """Return a parser whose help ends with an example.

    Args:
        description (str): What the command does.
        example (str): One or more command lines.
    """
    return argparse.ArgumentParser(
        description=description,
        epilog=f'example:\n  {example}',
        formatter_class=argparse.RawDescriptionHelpFormatter)


def add_run_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add mmdet's options that training and testing share."""
    arguments.add_argument(
        '--work-dir',
        help='folder for logs, checkpoints and results (default: '
        'work_dirs/<config name>)')
    add_config_arguments(arguments)
    arguments.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher')
    # given by torch.distributed.launch, which mmdet's scripts use
    arguments.add_argument(
        '--local_rank', '--local-rank', type=int, default=0,
        help=argparse.SUPPRESS)


def add_extra_root(arguments: argparse.ArgumentParser) -> None:
    """Add ``--extra-root``."""
    arguments.add_argument(
        '--extra-root', type=Path, action='append', default=[], metavar='DIR',
        help='further folder that file_name may lead to, by an absolute path or by ..; '
        'give it again for several')


def add_config_options(arguments: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``."""
    arguments.add_argument(
        '--cfg-options',
        nargs='+',
        action=_KeyValues,
        help='override settings of the config, as key=value; lists as '
        'key="[a,b]" or key=a,b')


def add_config_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the options of every command that takes a config and a checkpoint."""
    add_config_options(arguments)
    arguments.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load checkpoints that hold more than weights and plain data; '
        'this runs code from the file, so know its origin')
    add_limit_argument(arguments)
