"""Train and test a config on each fold of its data; report mean and spread."""

import argparse

from mammo_cli.arguments import add_config_options
from mammo_cli.command import Command
from mammo_cli.errors import user_errors


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file, of one of the folds')
    arguments.add_argument(
        '--work-dir', help='(default: work_dirs/cross_validation/NAME_OF_CONFIG)'
    )
    arguments.add_argument(
        '--folds',
        type=int,
        nargs='+',
        metavar='K',
        help='only these, for several machines (default: all there are)',
    )
    arguments.add_argument(
        '--jobs',
        type=int,
        default=1,
        help='folds at a time, one thread each if several (default: %(default)s)',
    )
    arguments.add_argument(
        '--amp',
        action='store_true',
        help='train with mixed precision, preparation included',
    )
    add_config_options(arguments)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse no jobs."""
    if args.jobs < 1:
        parser.error(f'--jobs {args.jobs}: expected at least 1')


def run(args: argparse.Namespace) -> None:
    """Train and test the folds."""
    from mammo_plugins.apis.cross_validation import cross_validate

    with user_errors(args):
        cross_validate(
            args.config,
            args.work_dir,
            args.folds,
            args.jobs,
            args.amp,
            args.cfg_options,
        )


COMMAND = Command(
    'tools/cross_validate.py',
    'Train and test a config on each fold that a converter wrote with --split '
    'kfold: its data sets have the number of the fold as their fold. Its list '
    'preparation names commands that come before the training of a fold, whose '
    'number stands in them as {fold}. What is done is not done again; an '
    'interrupted run is gone on with. Writes WORK_DIR/cross_validation.md: mean and '
    'standard deviation over the folds.',
    '{command} configs/blending/mask-rcnn_r50_inbreast_blending.py',
    add_arguments,
    run,
    check,
)
