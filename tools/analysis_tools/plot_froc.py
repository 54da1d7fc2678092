"""Draw the FROC curves of several runs into one figure."""
import argparse
from pathlib import Path
from typing import List, Optional, Sequence

from mammo_plugins.evaluation.functional import format_table, read_froc
from mammo_plugins.evaluation.functional.froc_report import different_data
from mammo_plugins.io import file_error
from mammo_plugins.printable import printable_output
from mammo_plugins.visualization.curves import plot_froc


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example:\n  python tools/analysis_tools/plot_froc.py '
        'work_dirs/single/test/froc.json \\\n      work_dirs/dual/test/froc.json '
        '--labels "single view" "dual view" --out froc.png')
    parser.add_argument(
        'files', nargs='+', metavar='FROC.json',
        help='files that FROCMetric wrote to its out_dir')
    parser.add_argument(
        '--labels', nargs='+',
        help='names in the legend, one a file (default: the folders of files)')
    parser.add_argument(
        '--out', default='froc.png', help='the PNG to write (default: froc.png)')
    parser.add_argument(
        '--max-fppi', type=float, default=4.0,
        help='right end of the FPPI axis (default: 4)')
    parser.add_argument(
        '--log', action='store_true', help='logarithmic FPPI axis')
    args = parser.parse_args(argv)
    if args.labels and len(args.labels) != len(args.files):
        parser.error(f'--labels: got {len(args.labels)} for '
                     f'{len(args.files)} files')
    args.labels = args.labels or default_labels(args.files)
    if len(set(args.labels)) != len(args.labels):
        parser.error('--labels: two runs have the same name; give each its own')
    if Path(args.out).suffix.lower() != '.png':
        parser.error(f'--out: {args.out}: expected a name that ends in .png')
    args.error = parser.error
    return args


def default_labels(files: Sequence[str]) -> List[str]:
    """Name runs by folder, or by path where folders have the same name."""
    names = [Path(file).resolve().parent.name for file in files]
    return names if len(set(names)) == len(names) else list(map(str, files))


def main(argv: Optional[Sequence[str]] = None) -> None:
    with printable_output():
        _main(argv)


def _main(argv: Optional[Sequence[str]]) -> None:
    args = parse_args(argv)
    try:
        summaries = {
            label: read_froc(file)
            for label, file in zip(args.labels, args.files)
        }
        warnings = different_data(summaries)
        plot_froc(summaries, args.out, log_x=args.log, max_fppi=args.max_fppi)
    except (OSError, ValueError) as error:
        args.error(file_error(error) or str(error))
    print(format_table(summaries))
    for summary in {s['rule']: s for s in summaries.values()}.values():
        print(summary['rule'])
    for warning in warnings:
        print(f'warning: {warning}')
    print(f'wrote {args.out}')


if __name__ == '__main__':
    main()
