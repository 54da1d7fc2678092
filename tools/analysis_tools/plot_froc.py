"""Draw the FROC curves of several runs into one figure."""
import argparse
from pathlib import Path
from typing import List, Optional, Sequence

from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.cli.arguments import parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.evaluation.functional import format_table, read_froc
from mammo_plugins.evaluation.functional.froc_report import different_data
from mammo_plugins.visualization.curves import plot_froc

EXAMPLE = ('python tools/analysis_tools/plot_froc.py work_dirs/single/test/froc.json '
           '\\\n      work_dirs/dual/test/froc.json --labels "single view" "dual view" '
           '--out froc.png')


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    arguments = parser(__doc__, EXAMPLE)
    arguments.add_argument(
        'files', nargs='+', metavar='FROC.json',
        help='files that FROCMetric wrote to its out_dir')
    arguments.add_argument(
        '--labels', nargs='+',
        help='names in the legend, one a file (default: the folders of files)')
    arguments.add_argument(
        '--out', default='froc.png', help='the PNG to write (default: froc.png)')
    arguments.add_argument(
        '--max-fppi', type=float, default=4.0,
        help='right end of the FPPI axis (default: 4)')
    arguments.add_argument(
        '--log', action='store_true', help='logarithmic FPPI axis')
    args = arguments.parse_args(argv)
    if args.labels and len(args.labels) != len(args.files):
        arguments.error(f'--labels: got {len(args.labels)} for {len(args.files)} files')
    args.labels = args.labels or default_labels(args.files)
    if len(set(args.labels)) != len(args.labels):
        arguments.error('--labels: two runs have the same name; give each its own')
    if Path(args.out).suffix.lower() != '.png':
        arguments.error(f'--out: {args.out}: expected a name that ends in .png')
    return args


def default_labels(files: Sequence[str]) -> List[str]:
    """Name runs by folder, or by path where folders have the same name."""
    names = [Path(file).resolve().parent.name for file in files]
    return names if len(set(names)) == len(names) else list(map(str, files))


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run."""
    args = parse_args(argv)
    with user_errors(args):
        try:
            summaries = {label: read_froc(file)
                         for label, file in zip(args.labels, args.files)}
            warnings = different_data(summaries)
            plot_froc(summaries, args.out, log_x=args.log, max_fppi=args.max_fppi)
        except ValueError as error:  # which these functions, used alone, raise
            raise ConfigError(str(error)) from None
        print(format_table(summaries))
        for summary in {s['rule']: s for s in summaries.values()}.values():
            print(summary['rule'])
        for warning in warnings:
            print(f'warning: {warning}')
        print(f'wrote {args.out}')


if __name__ == '__main__':
    main()
