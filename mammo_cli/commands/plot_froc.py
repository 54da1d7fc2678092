"Draw the FROC curves of several runs in one figure."

import argparse
from collections.abc import Sequence
from pathlib import Path

from mammo_cli.arguments import finite
from mammo_cli.command import Command
from mammo_cli.errors import refuse_folder, user_errors
from mammo_cli.light import light


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        'files',
        nargs='+',
        metavar='FROC.json',
        help='froc.json files written by FROCMetric',
    )
    arguments.add_argument(
        '--labels',
        nargs='+',
        help='names in the legend, one per file (default: the folders of the files)',
    )
    arguments.add_argument(
        '--out', default='froc.png', help='PNG file to write (default: froc.png)'
    )
    arguments.add_argument(
        '--max-fppi',
        type=finite,
        default=4.0,
        help='right end of the FPPI axis (default: 4)',
    )
    arguments.add_argument('--log', action='store_true', help='logarithmic FPPI axis')


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse impossible values; name the runs."""
    refuse_folder('--out', args.out)
    if args.labels and len(args.labels) != len(args.files):
        parser.error(
            f'--labels: got {len(args.labels)} for '
            f'{light("printable").number_of(len(args.files), "file")}'
        )
    args.labels = args.labels or default_labels(args.files)
    if len(set(args.labels)) != len(args.labels):
        parser.error('--labels: two runs have the same name; give each its own')
    if Path(args.out).suffix.lower() != '.png':
        parser.error(f'--out: {args.out}: expected a name that ends in .png')


def default_labels(files: Sequence[str]) -> list[str]:
    """Name runs by folder, or by path if folders have the same name."""
    names = [Path(file).resolve().parent.name for file in files]
    return names if len(set(names)) == len(names) else list(map(str, files))


def run(args: argparse.Namespace) -> None:
    """Draw the figure and print the table."""
    from mammo_plugins.apis.config_loading import ConfigError
    from mammo_plugins.evaluation.functional import format_table, read_froc
    from mammo_plugins.evaluation.functional.froc_report import different_data
    from mammo_plugins.visualization.curves import plot_froc

    with user_errors(args):
        try:
            summaries = {
                label: read_froc(file) for label, file in zip(args.labels, args.files)
            }
            warnings = different_data(summaries)
            plot_froc(summaries, args.out, log_x=args.log, max_fppi=args.max_fppi)
        except ValueError as error:  # these functions raise it for any caller
            raise ConfigError(str(error)) from None
        print(format_table(summaries))
        for summary in {s['rule']: s for s in summaries.values()}.values():
            print(summary['rule'])
        for warning in warnings:
            print(f'warning: {warning}')
        print(f'wrote {args.out}')


COMMAND = Command(
    'tools/analysis_tools/plot_froc.py',
    'Draw the FROC curves of several runs in one figure.',
    '{command} work_dirs/single/test/froc.json '
    '\\\n      work_dirs/dual/test/froc.json --labels "single view" "dual view" '
    '--out froc.png',
    add_arguments,
    run,
    check,
)
