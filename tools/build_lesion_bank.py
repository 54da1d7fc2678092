"""Cut the lesions of a data set out, for InsertLesions."""
from pathlib import Path

from mammo_plugins.apis.lesion_cutting import MIN_SIDE, MOST_SHOWN, write_bank
from mammo_plugins.cli.arguments import add_extra_root, parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.io import add_limit_argument
from mammo_plugins.structures import ImageRoots

EXAMPLE = ('python tools/build_lesion_bank.py data/ddsm/annotations/train.json '
           '--out data/ddsm/lesion_bank.npz --classes mass --preview ddsm_bank.png')


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Cut the box of every annotated lesion out of a data set, with its outline '
        'where there is one, for InsertLesions (DisAsymNet, section 2.3) and '
        'PasteLesion (blending adversarial networks). For weakly supervised '
        'localisation the bank is of another data set than the one trained on.',
        EXAMPLE)
    arguments.add_argument('ann_file', type=Path, help='COCO-exam JSON with boxes')
    arguments.add_argument(
        '--out', type=Path, required=True, metavar='FILE', help='.npz file to write')
    arguments.add_argument(
        '--data-root', type=Path, metavar='DIR',
        help="folder that file_name starts from (default: the folder above the JSON's)")
    arguments.add_argument(
        '--classes', nargs='+', metavar='NAME',
        help='categories of lesions to take (default: all)')
    arguments.add_argument(
        '--context', type=float, default=1., metavar='FACTOR',
        help='factor by which boxes grow about their centres; above 1 for boxes that '
        'hug the lesion (default: %(default)s)')
    arguments.add_argument(
        '--max-size', type=int, default=512, metavar='N',
        help='pixels; lesions of which a side is longer are shrunk to it '
        '(default: %(default)s)')
    add_extra_root(arguments)
    arguments.add_argument(
        '--preview', type=Path, metavar='PNG',
        help=f'also draw the lesions, evenly chosen if more than {MOST_SHOWN}')
    add_limit_argument(arguments)
    args = arguments.parse_args()
    if args.max_size < MIN_SIDE:
        arguments.error(f'--max-size {args.max_size}: expected at least {MIN_SIDE}')
    if args.context < 1:
        arguments.error(f'--context {args.context}: expected 1 or more')
    if args.data_root is None:
        args.data_root = args.ann_file.absolute().parent.parent
    elif not args.data_root.is_dir():
        arguments.error(f'--data-root: {args.data_root}: no such folder')
    return args


def main() -> None:
    """Run."""
    args = parse_args()
    with user_errors():
        write_bank(args.ann_file, ImageRoots(args.data_root, args.extra_root), args.out,
                   args.classes, args.max_size, args.context, args.preview)


if __name__ == '__main__':
    main()
