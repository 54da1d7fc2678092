"""Count what the false positives of an ablation's rows lie on in the phantom."""

import argparse

from mammo_cli.arguments import finite
from mammo_cli.command import Command
from mammo_cli.errors import user_errors


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file of an ablation')
    arguments.add_argument('--rows', nargs='+', help='only these rows of the ablation')
    arguments.add_argument(
        '--seeds', type=int, nargs='+', help="seeds to use instead of the config's"
    )
    arguments.add_argument(
        '--fppi',
        type=finite,
        default=0.5,
        help='operating point (default: %(default)s)',
    )


def run(args: argparse.Namespace) -> None:
    """Predict, count, and print."""
    from mammo_plugins.apis.config_loading import load_config
    from mammo_plugins.apis.phantom_false_positives import report

    with user_errors():
        cfg = load_config(args.config)
        report(cfg, args.rows or list(cfg.rows), args.seeds or cfg.seeds, args.fppi)


COMMAND = Command(
    'tools/analysis_tools/phantom_false_positives.py',
    'Rerun the trained rows of an ablation on the test exams and count what the '
    'false positives of an operating point lie on: the phantom contains normal '
    'nodules with a twin in the other breast, and clumps of tissue that overlap '
    'in one view.',
    '{command} configs/momminet/ablation.py --rows faster_rcnn bidualnet ipsidualnet',
    add_arguments,
    run,
)
