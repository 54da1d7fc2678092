"""Time inference on an index against a plain loop of the same model."""

import argparse

from mammo_cli.arguments import add_config_arguments, add_device
from mammo_cli.command import Command
from mammo_cli.errors import refuse, user_errors

from .infer import make_inferencer


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file')
    arguments.add_argument('checkpoint', help='checkpoint file')
    arguments.add_argument(
        '--index', required=True, help='index written by mammo index'
    )
    arguments.add_argument(
        '--exams', type=int, default=50, help='number of exams (default: %(default)s)'
    )
    arguments.add_argument(
        '--workers',
        type=int,
        nargs='+',
        default=[1, 2],
        help='numbers of processes that read ahead (default: 1 2)',
    )
    arguments.add_argument(
        '--turns',
        type=int,
        default=3,
        help='number of repetitions (default: %(default)s)',
    )
    add_device(arguments)
    add_config_arguments(arguments)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse numbers below one."""
    if min(args.exams, args.turns, *args.workers) < 1:
        refuse('--exams, --turns, --workers: expected at least 1')


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    from mammo_plugins.apis.archive.benchmark import compare, table

    with user_errors():
        inferencer = make_inferencer(
            args.config,
            args.checkpoint,
            args.cfg_options,
            args.device,
            args.trust_checkpoint,
        )
        found = compare(inferencer, args.index, args.exams, args.workers, args.turns)
    print(table(found))


COMMAND = Command(
    'tools/analysis_tools/benchmark_archive.py',
    'Time inference on an archive, with processes that read exams ahead of the '
    'model, against a plain loop of the same model: exams per minute, and the '
    'share of time that the model waits for images. No pictures are drawn. '
    'Reports medians over the repetitions.',
    '{command} configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py '
    'work_dirs/faster-rcnn_hrnetv2p-w8_phantom/epoch_6.pth --index exams.jsonl',
    add_arguments,
    run,
    check,
)
