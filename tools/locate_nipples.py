"""Find the nipples that a COCO-exam JSON lacks."""
from mammo_plugins.apis import NippleLocator
from mammo_plugins.apis.config_loading import load_config
from mammo_plugins.apis.nipple_filling import fill_file
from mammo_plugins.cli.arguments import add_config_arguments, add_extra_root, parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.cli.runs import check_device
from mammo_plugins.structures import ImageRoots
from mammo_plugins.verification import root_of

EXAMPLE = ('python tools/locate_nipples.py '
           'configs/momminet/nipple-detector_phantom.py '
           'work_dirs/nipple-detector_phantom/epoch_8.pth '
           'data/mine/annotations/train.json\n'
           '  python tools/locate_nipples.py --contour '
           'data/mine/annotations/train.json')


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Find the nipples that a COCO-exam JSON lacks, and note who found them in '
        'nipple_source: "detector" (that of MommiNet-v2), or "contour" (the tip '
        'of the skin line) where it finds none. Annotated nipples stay.', EXAMPLE)
    arguments.usage = ('%(prog)s [options] CONFIG CHECKPOINT ANN_FILE\n'
                       '       %(prog)s [options] --contour ANN_FILE')
    arguments.add_argument(
        'paths', nargs='+', metavar='PATH',
        help='config and checkpoint of a nipple detector, and the annotation '
        'file; with --contour the annotation file alone')
    arguments.add_argument(
        '--contour', action='store_true',
        help='use the skin line alone, where there are no weights')
    arguments.add_argument(
        '--least-confidence', type=float, default=0., metavar='C',
        help='from 0 to 1: leave out what the skin line shows less surely; 0.31 '
        'leaves out nipples that are not in profile (default: %(default)s)')
    arguments.add_argument(
        '--overwrite', action='store_true',
        help='find again the nipples that are there, annotated ones too')
    arguments.add_argument(
        '--data-root', metavar='DIR',
        help='folder of the images (default: the one that holds annotations/)')
    add_extra_root(arguments)
    arguments.add_argument(
        '--out', metavar='FILE',
        help='write there (default: in place of the annotation file)')
    arguments.add_argument(
        '--device', help='such as cpu or cuda:1 (default: a GPU if there is one)')
    add_config_arguments(arguments)
    args = arguments.parse_args()
    if len(args.paths) != (1 if args.contour else 3):
        arguments.error('expected CONFIG CHECKPOINT ANN_FILE, or --contour and '
                        'ANN_FILE')
    args.ann_file = args.paths[-1]
    return args


def main() -> None:
    """Run."""
    args = parse_args()
    with user_errors():
        check_device(args.device)
        roots = ImageRoots(args.data_root or root_of(args.ann_file), args.extra_root)
        detector = None if args.contour else NippleLocator(
            load_config(args.paths[0], args.cfg_options), args.paths[1], args.device,
            args.trust_checkpoint)
        fill_file(args.ann_file, roots, args.out, detector, args.least_confidence,
                  args.overwrite)


if __name__ == '__main__':
    main()
