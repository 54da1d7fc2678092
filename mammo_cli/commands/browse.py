"""Write the network's inputs for a config's data as pictures."""

import argparse

from mammo_cli.arguments import add_config_options, add_limit_argument
from mammo_cli.command import Command
from mammo_cli.errors import refuse, user_errors


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file')
    arguments.add_argument(
        '--output-dir',
        '-o',
        dest='out',
        required=True,
        help='output folder for the pictures',
    )
    arguments.add_argument(
        '--phase',
        '-p',
        default='train',
        choices=['train', 'val', 'test'],
        help='which part of the data (default: %(default)s)',
    )
    arguments.add_argument(
        '--stage', default='', help='stage of a staged training (default: the first)'
    )
    arguments.add_argument(
        '--show-number',
        '-n',
        type=int,
        default=20,
        help='number of samples, at least 1 (default: %(default)s)',
    )
    arguments.add_argument(
        '--not-show',
        action='store_true',
        help='no effect: pictures are written, never shown; accepted for '
        "compatibility with mmdet's tool",
    )
    add_config_options(arguments)
    add_limit_argument(arguments)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse a number of samples below one."""
    if args.show_number < 1:
        refuse(f'--show-number {args.show_number}: expected at least 1')


def run(args: argparse.Namespace) -> None:
    """Write the pictures."""
    from mammo_plugins.apis.browsing import browse, data_set_of
    from mammo_plugins.apis.config_loading import load_config
    from mammo_plugins.printable import number_of

    with user_errors(args):
        cfg = load_config(args.config, args.cfg_options)
        dataset = data_set_of(cfg, args.phase, args.stage)
        written = browse(dataset, args.show_number, args.out)
        print(f'{number_of(written, "picture")}: {args.out}')


COMMAND = Command(
    'tools/misc/browse_dataset.py',
    "Write the network's inputs as 16-bit PNG files, after the pipeline and "
    'before normalization, with boxes and outlines of lesions in orange and of '
    'ignored regions in blue.',
    '{command} configs/mamminet_v2_phantom.py --output-dir browsed',
    add_arguments,
    run,
    check,
)
