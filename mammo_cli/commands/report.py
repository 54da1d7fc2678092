"""Write one HTML page of predictions and test results."""

import argparse
from pathlib import Path

from mammo_cli.arguments import add_limit_argument
from mammo_cli.command import Command
from mammo_cli.errors import refuse, refuse_folder, user_errors
from mammo_cli.left_out import tell_left_out, tell_state


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        'predictions',
        nargs='?',
        help='predictions.json or predictions.jsonl written by mammo infer, or '
        'their folder',
    )
    arguments.add_argument(
        '--images',
        metavar='PATH',
        help='folder of the images: what mammo infer or mammo index was given (a '
        'folder, DICOMDIR or .txt list), or the index; if there were several '
        'folders, their common one; without it the page '
        'has no pictures',
    )
    arguments.add_argument(
        '--test',
        nargs='+',
        default=[],
        metavar='PATH',
        help='results of mammo test: its work directory, or files such as '
        'froc.json and roc.json',
    )
    arguments.add_argument('--config', help='config to show on the page')
    arguments.add_argument(
        '--out', default='report.html', help='HTML file to write (default: %(default)s)'
    )
    arguments.add_argument(
        '--score-thr',
        type=float,
        default=0.2,
        help='initial value of the score slider (default: %(default)s)',
    )
    arguments.add_argument(
        '--max-exams',
        type=int,
        default=20,
        metavar='N',
        help='number of exams to show, from the start of the file; each takes '
        'about half a megabyte (default: %(default)s)',
    )
    arguments.add_argument(
        '--height',
        type=int,
        default=800,
        metavar='PIXELS',
        help='maximum height of pictures in pixels (default: %(default)s)',
    )
    add_limit_argument(arguments)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse impossible values."""
    if not args.predictions and not args.test:
        parser.error('nothing to show: give predictions, --test PATH or both')
    if args.images and not args.predictions:
        parser.error('--images: the pictures are those of predictions; give them')
    if not 0 <= args.score_thr <= 1:
        refuse(f'--score-thr {args.score_thr}: expected 0 to 1')
    refuse_folder('--out', args.out)
    for name in ('max_exams', 'height'):
        if getattr(args, name) < 1:
            refuse(
                f'--{name.replace("_", "-")} {getattr(args, name)}: expected 1 or more'
            )


def run(args: argparse.Namespace) -> None:
    """Write the page and report its content."""
    from mammo_plugins.apis.config_loading import load_config
    from mammo_plugins.exports import PredictionFile, images_root
    from mammo_plugins.exports.html import PageOptions, TestResults, write_page
    from mammo_plugins.printable import number_of

    with user_errors(args):
        results = TestResults.read(args.test)
        predictions = PredictionFile(args.predictions) if args.predictions else None
        if predictions is not None:
            tell_state(predictions)
        options = PageOptions(
            images=images_root(args.images) if args.images else None,
            score_thr=args.score_thr,
            max_exams=args.max_exams,
            height=args.height,
            config=load_config(args.config).pretty_text if args.config else None,
        )
        shown, left_out = write_page(args.out, predictions, results, options)
        size = Path(args.out).stat().st_size / 1e6
    print(f'{args.out}: {number_of(shown, "exam")}, {size:.1f} MB')
    tell_left_out([*left_out, *results.left_out], 'file')


COMMAND = Command(
    'tools/report.py',
    'Write one HTML page of predictions and test results: views with boxes above '
    'a score set by a slider, the other breast registered alongside, curves, '
    'tables, skipped files. It needs no network. Research use only.',
    '{command} results --images data/phantom/dicom \\\n'
    '      --test work_dirs/faster-rcnn_hrnetv2p-w8_phantom \\\n'
    '      --config configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py',
    add_arguments,
    run,
    check,
)
