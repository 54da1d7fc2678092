"""Cut lesions out of a data set to insert them into other images."""

import argparse
from pathlib import Path

from mammo_cli import known
from mammo_cli.arguments import add_extra_root, add_limit_argument, finite
from mammo_cli.command import Command
from mammo_cli.errors import refuse_folder, user_errors


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('ann_file', type=Path, help='COCO-exam JSON with boxes')
    arguments.add_argument(
        '--out', type=Path, required=True, metavar='FILE', help='.npz file to write'
    )
    arguments.add_argument(
        '--data-root',
        type=Path,
        metavar='DIR',
        help='folder to which file_name is relative (default: the folder above '
        "the JSON's)",
    )
    arguments.add_argument(
        '--classes',
        nargs='+',
        metavar='NAME',
        help='lesion categories to include (default: all)',
    )
    arguments.add_argument(
        '--context',
        type=finite,
        default=1.0,
        metavar='FACTOR',
        help='factor by which boxes are enlarged around their centres; above 1 '
        'for tight boxes (default: %(default)s)',
    )
    arguments.add_argument(
        '--max-size',
        type=int,
        default=512,
        metavar='N',
        help='longest side in pixels; larger lesions are shrunk to it (default: '
        '%(default)s)',
    )
    add_extra_root(arguments)
    arguments.add_argument(
        '--preview',
        type=Path,
        metavar='PNG',
        help='also draw the lesions, evenly chosen if more than '
        f'{known.MOST_LESIONS_SHOWN}',
    )
    add_limit_argument(arguments)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse impossible values; find the data root."""
    refuse_folder('--out', args.out)
    if args.max_size < known.SMALLEST_LESION:
        parser.error(
            f'--max-size {args.max_size}: expected at least {known.SMALLEST_LESION}'
        )
    if args.context < 1:
        parser.error(f'--context {args.context}: expected 1 or more')
    if args.data_root is None:
        args.data_root = args.ann_file.absolute().parent.parent
    elif not args.data_root.is_dir():
        parser.error(f'--data-root: {args.data_root}: no such folder')


def run(args: argparse.Namespace) -> None:
    """Cut lesions out and write the bank."""
    from mammo_plugins.apis.lesion_cutting import write_bank
    from mammo_plugins.structures import ImageRoots

    with user_errors():
        write_bank(
            args.ann_file,
            ImageRoots(args.data_root, args.extra_root),
            args.out,
            args.classes,
            args.max_size,
            args.context,
            args.preview,
        )


COMMAND = Command(
    'tools/build_lesion_bank.py',
    'Cut every annotated lesion out of a data set, with its outline if there is '
    'one, for InsertLesions (DisAsymNet, section 2.3) and PasteLesion (blending '
    'adversarial networks). For weakly supervised localization, use a bank from '
    'a different data set than the one you train on.',
    '{command} data/ddsm/annotations/train.json '
    '--out data/ddsm/lesion_bank.npz --classes mass --preview ddsm_bank.png',
    add_arguments,
    run,
    check,
)
