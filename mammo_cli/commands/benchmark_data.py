"""Time data loading against a plain loop over the same files."""

import argparse

from mammo_cli.arguments import add_config_arguments
from mammo_cli.command import Command
from mammo_cli.errors import refuse, user_errors


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file')
    arguments.add_argument(
        '--samples',
        type=int,
        default=40,
        metavar='N',
        help='number of samples, spread over the data set (default: %(default)s)',
    )
    arguments.add_argument(
        '--repeats',
        type=int,
        default=3,
        help='repetitions with the full cache and with the plain loop (default: '
        '%(default)s)',
    )
    add_config_arguments(arguments)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse numbers of samples or repeats below one."""
    if args.samples < 1 or args.repeats < 1:
        refuse('--samples, --repeats: expected at least 1')


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    from mmengine.logging import MMLogger

    from mammo_plugins.apis.config_loading import load_config
    from mammo_plugins.apis.data_benchmark import compare

    MMLogger.get_instance('mmengine', log_level='WARNING')
    with user_errors():
        compare(load_config(args.config, args.cfg_options), args.samples, args.repeats)


COMMAND = Command(
    'tools/analysis_tools/benchmark_data.py',
    'Time the training pipeline of a config, with an empty and with a full pixel '
    'cache, against a plain loop (pydicom, VOI, OpenCV resize; no crop, no '
    'annotations) over the same files, alternating in one process.',
    '{command} configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py --samples 40',
    add_arguments,
    run,
    check,
)
