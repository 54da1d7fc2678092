"""Train and test a config on each fold of its data; report mean and standard deviation."""

import argparse

from mammo_cli.arguments import add_config_options
from mammo_cli.command import Command
from mammo_cli.errors import user_errors


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file of one of the folds')
    arguments.add_argument(
        '--work-dir',
        help='output folder (default: work_dirs/cross_validation/NAME_OF_CONFIG)',
    )
    arguments.add_argument(
        '--folds',
        type=int,
        nargs='+',
        metavar='K',
        help='only these folds, to share the work among machines (default: all)',
    )
    arguments.add_argument(
        '--jobs',
        type=int,
        default=1,
        help='number of folds in parallel, with one thread each if more than one '
        '(default: %(default)s)',
    )
    arguments.add_argument(
        '--amp',
        action='store_true',
        help='train with mixed precision, including the preparation',
    )
    add_config_options(arguments)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse a number of jobs below one."""
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
    "kfold, by setting the fold of its data sets. The config's list preparation "
    'names commands to run before the training of a fold, with {fold} for its '
    'number. Finished work is not repeated; run the same command to resume. '
    'Writes WORK_DIR/cross_validation.md: mean and standard deviation over the '
    'folds.',
    '{command} configs/blending/mask-rcnn_r50_inbreast_blending.py',
    add_arguments,
    run,
    check,
)
