"""Check a data set in the COCO-exam format and report what is wrong.

The report names images and annotations by their ids in the JSON. It holds no
patient, exam or file name, so it may go into a bug report as it is.
"""
import argparse
import os
import sys
from pathlib import Path
from typing import Optional, Sequence

from mammo_plugins.cli.arguments import add_extra_root
from mammo_plugins.io import add_limit_argument, file_error, write_json
from mammo_plugins.stopping import stoppable
from mammo_plugins.verification import find_annotations, format_report, verify


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='exit code: 0 no errors, 1 errors, 2 wrong usage\n\n'
        'example:\n  python tools/verify_dataset.py data/phantom --check-pixels '
        '--workers 4 --json report.json')
    parser.add_argument(
        'data', nargs='+', type=Path, metavar='DATA_ROOT_or_JSON',
        help='a data root with annotations/train.json, val.json, test.json, or '
        'the JSON files themselves')
    parser.add_argument(
        '--data-root', type=Path,
        help='folder that file_name starts from (default: the data root given, '
        "or the folder above a JSON's annotations/)")
    add_extra_root(parser)
    parser.add_argument(
        '--check-pixels', action='store_true',
        help='read all pixels: the side of the breast, boxes off the breast, '
        'images that are there twice')
    parser.add_argument(
        '--workers', type=int, default=min(4, os.cpu_count() or 1), metavar='N',
        help='processes that read files (default: %(default)s)')
    parser.add_argument(
        '--json', type=Path, metavar='OUT',
        help='write the whole report as JSON as well')
    add_limit_argument(parser)
    args = parser.parse_args(argv)
    if args.workers < 1:
        parser.error(f'--workers: {args.workers}: expected 1 or more')
    if args.data_root and not args.data_root.is_dir():
        parser.error(f'--data-root: {args.data_root}: no such folder')
    if args.json and not args.json.absolute().parent.is_dir():
        parser.error(f'--json: {args.json}: no such folder')
    try:
        args.files = find_annotations(args.data)
    except FileNotFoundError as error:
        parser.error(str(error))
    return args


def main(argv: Optional[Sequence[str]] = None) -> int:
    with stoppable():
        args = parse_args(argv)
        report = verify(args.files, args.data_root, args.check_pixels, args.workers,
                        args.extra_root)
        print(format_report(report))
        try:
            if args.json:
                write_json(args.json, report)
        except OSError as error:
            print(f'error: {file_error(error) or error}', file=sys.stderr)
            return 2
    return 1 if report['errors'] else 0


if __name__ == '__main__':
    sys.exit(main())
