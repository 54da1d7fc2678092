"""Compare two systems that were tested on the same patients."""

import argparse

from mammo_cli.arguments import add_operating_point, read_operating_point
from mammo_cli.command import Command
from mammo_cli.errors import refuse_folder, user_errors


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        'first',
        metavar='A.json',
        help='result file of mammo test: roc.json, froc.json, ...',
    )
    arguments.add_argument(
        'second',
        metavar='B.json',
        help='result file of the same metric for another system',
    )
    add_operating_point(arguments, 'at which classifiers are compared')
    arguments.add_argument(
        '--draws',
        type=int,
        default=2000,
        help='number of bootstrap draws of patients (default: %(default)s)',
    )
    arguments.add_argument(
        '--seed',
        type=int,
        default=0,
        help='seed of the bootstrap (default: %(default)s)',
    )
    arguments.add_argument('--out', help='also write the figures to this JSON file')


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Read the operating point; refuse impossible numbers."""
    refuse_folder('--out', args.out)
    read_operating_point(parser, args)
    if args.draws < 1 or args.seed < 0:
        parser.error(
            f'--draws {args.draws} --seed {args.seed}: expected at least 1 and 0'
        )


def run(args: argparse.Namespace) -> None:
    """Compare and print."""
    from mammo_plugins.apis.comparing import compare
    from mammo_plugins.io import write_json

    with user_errors(args):
        files = [args.first, args.second]
        found = compare(files, [(args.rule, args.value)], args.draws, args.seed)
        if args.out:
            write_json(args.out, dict(files=files, **found))
    report(found, files)


def report(found: dict, files: list[str]) -> None:
    """Print a table.

    Args:
        found (dict): From :func:`~mammo_plugins.apis.comparing.compare`.
        files (list[str]): A and B.
    """
    from mammo_plugins.evaluation.functional import format_figure
    from mammo_plugins.printable import number_of

    for name, file in zip('AB', files):
        print(f'{name}: {file}')
    if 'samples' in found:
        print(
            f'{number_of(found["samples"], "sample")}, {found["positives"]} positive, '
            f'of {number_of(found["patients"], "patient")}, the same in both'
        )
    for row in found['figures']:
        if row['difference'] is None:
            print(f'{row["figure"]}: not defined, one of its classes has no sample')
            continue
        a, b = (format_figure('', value, None, None) for value in row['values'])
        tested = ''
        if row.get('p_value') is not None:
            tested = (
                f'; DeLong [{row["delong_low"]:.3f}, {row["delong_high"]:.3f}], '
                f'p = {row["p_value"]:.3g}'
            )
        difference = format_figure('', row['difference'], row['low'], row['high'])
        print(f'{row["figure"]}: A {a}, B {b}, A - B {difference}{tested}')
    print('[]: 95% CI of the difference, paired bootstrap over patients')
    if found['warning']:
        print(f'warning: {found["warning"]}')


COMMAND = Command(
    'tools/analysis_tools/compare.py',
    'Compare two systems on the same patients: the difference of each figure '
    "with its interval by paired bootstrap, and for AUC also DeLong's test "
    "(Obuchowski's version if patients have several samples).",
    '{command} work_dirs/dual/test/froc.json work_dirs/single/test/froc.json',
    add_arguments,
    run,
    check,
)
