"""Break down test results by density, age, vendor, lesion size or any column."""

import argparse

from mammo_cli.arguments import finite
from mammo_cli.command import Command
from mammo_cli.errors import refuse_folder, user_errors


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        'file',
        metavar='RESULT.json',
        help='result file of mammo test: roc.json or froc.json',
    )
    arguments.add_argument('annotations', help='annotation file of the test')
    arguments.add_argument(
        '--by',
        action='append',
        required=True,
        metavar='COLUMN[=EDGES]',
        help='image column, such as density or vendor, or age=50,60,70 with '
        'group edges; for lesions lesion_size_mm=10,20 or lesion.COLUMN; '
        'repeat for several',
    )
    threshold = arguments.add_mutually_exclusive_group()
    threshold.add_argument(
        '--threshold', type=finite, help='score from which a sample counts as positive'
    )
    threshold.add_argument(
        '--calibration',
        metavar='FILE',
        help='file written by mammo calibrate: exams are counted, and recalled '
        'at its threshold',
    )
    arguments.add_argument(
        '--draws',
        type=int,
        default=1000,
        help='number of bootstrap draws of patients (default: %(default)s)',
    )
    arguments.add_argument('--out', help='also write the tables to this JSON file')


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse impossible numbers."""
    refuse_folder('--out', args.out)
    if args.draws < 0:
        parser.error(f'--draws {args.draws}: expected 0 or more')


def run(args: argparse.Namespace) -> None:
    """Compute and print the tables."""
    from mammo_plugins.apis.calibration import Calibration
    from mammo_plugins.apis.config_loading import ConfigError
    from mammo_plugins.apis.subgroups import Column, subgroups
    from mammo_plugins.io import read_json, write_json

    with user_errors(args):
        try:
            columns = [Column.parse(text) for text in args.by]
        except ValueError as error:
            raise ConfigError(f'--by {error}') from None
        calibration = args.calibration and Calibration(
            read_json(args.calibration), args.calibration
        )
        tables = subgroups(
            args.file,
            args.annotations,
            columns,
            args.threshold,
            calibration,
            args.draws,
        )
        if args.out:
            write_json(args.out, dict(subgroups=tables))
    for name, rows in tables.items():
        report(name, rows)
    print('[]: 95% CI, bootstrap over patients')


def report(name: str, rows: list[dict]) -> None:
    """Print the table of a column.

    Args:
        name (str): The column.
        rows (list[dict]): From
            :func:`~mammo_plugins.evaluation.functional.subgroup_table`.
    """
    from mammo_plugins.evaluation.functional import format_figure, format_point
    from mammo_plugins.printable import one_line

    print(f'{one_line(name)}:')
    for row in rows:
        auc = format_figure('AUC', *(row[f'auc{end}'] for end in ('', '_low', '_high')))
        at = '' if row['value'] is None else f', {format_point(row)}'
        few = f'; {row["warning"]}' if row['warning'] else ''
        group = 'all' if row['group'] is None else one_line(row['group'])
        print(
            f'  {group} ({row["positives"]} of {row["samples"]} positive): {auc}{at}{few}'
        )


COMMAND = Command(
    'tools/analysis_tools/subgroups.py',
    'Break down test results by subgroup, with intervals over patients. A lesion '
    'column groups positive samples by their largest lesion and compares each '
    'group with all negatives.',
    '{command} work_dirs/divf-concatenate_r18_phantom/test/roc.json \\\n'
    '      data/phantom/annotations/test.json --by density --by lesion_size_mm=10,20',
    add_arguments,
    run,
    check,
)
