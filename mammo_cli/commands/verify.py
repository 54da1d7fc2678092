"""Check a data set in the COCO-exam format and report what is wrong."""

import argparse
import os
import sys
from pathlib import Path

from mammo_cli.arguments import add_extra_root, add_limit_argument
from mammo_cli.command import Command
from mammo_cli.light import light


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        'data',
        nargs='+',
        type=Path,
        metavar='DATA_ROOT_or_JSON',
        help='a data root with annotations/train.json, val.json, test.json, or '
        'the JSON files themselves; all are checked',
    )
    arguments.add_argument(
        '--data-root',
        type=Path,
        help='folder to which file_name is relative (default: the given data '
        "root, or the folder above a JSON's annotations/)",
    )
    add_extra_root(arguments)
    arguments.add_argument(
        '--check-pixels',
        action='store_true',
        help='read all pixels to check the side of the breast, boxes off the '
        'breast and duplicate images',
    )
    arguments.add_argument(
        '--workers',
        type=int,
        default=min(4, os.cpu_count() or 1),
        metavar='N',
        help='number of processes that read files (default: %(default)s)',
    )
    arguments.add_argument(
        '--json',
        type=Path,
        metavar='OUT',
        help='also write the full report to this JSON file',
    )
    add_limit_argument(arguments)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse impossible values; find the annotation files."""
    if args.workers < 1:
        parser.error(f'--workers: {args.workers}: expected 1 or more')
    if args.data_root and not args.data_root.is_dir():
        parser.error(f'--data-root: {args.data_root}: no such folder')
    if args.json and not args.json.absolute().parent.is_dir():
        parser.error(f'--json: {args.json}: no such folder')
    try:
        args.files = light('verification.targets').find_annotations(args.data)
    except FileNotFoundError as error:
        parser.error(str(error))


def run(args: argparse.Namespace) -> int:
    """Check and report."""
    from mammo_plugins.io import file_error, write_json
    from mammo_plugins.stopping import stoppable
    from mammo_plugins.verification import format_report, verify

    with stoppable():
        report = verify(
            args.files, args.data_root, args.check_pixels, args.workers, args.extra_root
        )
        print(format_report(report))
        try:
            if args.json:
                write_json(args.json, report)
        except OSError as error:
            print(f'error: {file_error(error) or error}', file=sys.stderr)
            return 2
    return 1 if report['errors'] else 0


COMMAND = Command(
    'tools/verify_dataset.py',
    'Check a data set in the COCO-exam format and report what is wrong.\n\n'
    'The report names images and annotations by their ids in the JSON. It holds no\n'
    'patient, exam or file name, so it may go into a bug report as it is.\n',
    '{command} data/phantom --check-pixels --workers 4 --json report.json',
    add_arguments,
    run,
    check,
    before_example='exit code: 0 no errors, 1 errors, 2 wrong usage\n\n',
)
