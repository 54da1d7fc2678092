"""Add missing nipples to a COCO-exam JSON."""

import argparse

from mammo_cli.arguments import add_config_arguments, add_device, add_extra_root, finite
from mammo_cli.command import Command
from mammo_cli.errors import refuse_folder, user_errors
from mammo_cli.runs import check_device


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.usage = (
        '%(prog)s [options] CONFIG CHECKPOINT ANN_FILE\n'
        '       %(prog)s [options] --contour ANN_FILE'
    )
    arguments.add_argument(
        'paths',
        nargs='+',
        metavar='PATH',
        help='config and checkpoint of a nipple detector, and the annotation '
        'file; with --contour only the annotation file',
    )
    arguments.add_argument(
        '--contour',
        action='store_true',
        help='use only the skin line; needs no weights',
    )
    arguments.add_argument(
        '--least-confidence',
        type=finite,
        default=0.0,
        metavar='C',
        help='minimum confidence of a nipple found on the skin line, from 0 to '
        '1; 0.31 skips nipples that are not in profile (default: '
        '%(default)s)',
    )
    arguments.add_argument(
        '--overwrite',
        action='store_true',
        help='replace existing nipples, even annotated ones',
    )
    arguments.add_argument(
        '--data-root',
        metavar='DIR',
        help='folder of the images (default: the one that contains annotations/)',
    )
    add_extra_root(arguments)
    arguments.add_argument(
        '--out',
        metavar='FILE',
        help='output file (default: overwrite the annotation file)',
    )
    add_device(arguments)
    add_config_arguments(arguments)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Assign the paths to their arguments; refuse a wrong number of paths."""
    refuse_folder('--out', args.out)
    if len(args.paths) != (1 if args.contour else 3):
        parser.error('expected CONFIG CHECKPOINT ANN_FILE, or --contour and ANN_FILE')
    *args.detector, args.ann_file = args.paths


def run(args: argparse.Namespace) -> None:
    """Find the nipples and write the file."""
    from mammo_plugins.apis import NippleLocator
    from mammo_plugins.apis.config_loading import load_config
    from mammo_plugins.apis.nipple_filling import fill_file
    from mammo_plugins.structures import ImageRoots
    from mammo_plugins.verification import root_of

    with user_errors():
        check_device(args.device)
        roots = ImageRoots(args.data_root or root_of(args.ann_file), args.extra_root)
        detector = None
        if args.detector:
            config, checkpoint = args.detector
            detector = NippleLocator(
                load_config(config, args.cfg_options),
                checkpoint,
                args.device,
                args.trust_checkpoint,
            )
        fill_file(
            args.ann_file,
            roots,
            args.out,
            detector,
            args.least_confidence,
            args.overwrite,
        )


COMMAND = Command(
    'tools/locate_nipples.py',
    'Add missing nipples to a COCO-exam JSON and record their origin in '
    'nipple_source: "detector" (that of MommiNet-v2), or "contour" (the tip of '
    'the skin line) where the detector finds none. Annotated nipples are kept.',
    '{command} configs/momminet/nipple-detector_phantom.py '
    'work_dirs/nipple-detector_phantom/epoch_8.pth data/mine/annotations/train.json\n'
    '  {command} --contour data/mine/annotations/train.json',
    add_arguments,
    run,
    check,
    configs=('detector',),
)
