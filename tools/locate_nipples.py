"""Find the nipples that a COCO-exam JSON lacks."""
from collections import Counter
from pathlib import Path
from typing import Callable, Optional, Tuple

from tqdm import tqdm

from mammo_plugins.anatomy import CanonicalFrame, locate_nipple, transform_points
from mammo_plugins.apis import NippleLocator
from mammo_plugins.apis.config_loading import load_config
from mammo_plugins.cli.arguments import add_config_arguments, add_extra_root, parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.cli.runs import check_device
from mammo_plugins.datasets import LoadMammogram
from mammo_plugins.io import MammogramError, write_json
from mammo_plugins.structures import AnnotationError, ImageRoots, load_coco_exam

EXAMPLE = ('python tools/locate_nipples.py '
           'configs/momminet/nipple-detector_phantom.py '
           'work_dirs/nipple-detector_phantom/epoch_8.pth '
           'data/mine/annotations/train.json\n'
           '  python tools/locate_nipples.py --contour '
           'data/mine/annotations/train.json')

Point = Optional[Tuple[float, float]]
SHOWN = 5


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


def locate(results: dict,
           loader: LoadMammogram,
           detector: Optional[NippleLocator],
           least_confidence: float = 0.) -> Tuple[Point, Optional[str]]:
    """Find the nipple of one image.

    Args:
        results (dict): ``img_path``, ``width``, ``height`` and ``view``.
        loader (LoadMammogram): What reads the file.
        detector (NippleLocator, optional): Asked first.
        least_confidence (float): Of the skin line's nipple. Defaults to 0.

    Returns:
        tuple: (x, y) in pixels of the file and 'detector' or 'contour'; both
        ``None`` if there is none.

    Raises:
        MammogramError: If the file cannot be read.
        AnnotationError: If it is not of the size stated.
    """
    results = loader.transform(dict(results))
    point, source = detector and detector(results['img']), 'detector'
    if point is None:
        point, source = locate_nipple(
            results['img'], results['view'], least_confidence), 'contour'
    if point is None:
        return None, None
    inverse = CanonicalFrame.from_dict(results['canonical_frame']).inverse
    return tuple(transform_points(point, inverse).round(2).tolist()), source


def fill(data: dict, roots: ImageRoots, find: Callable, overwrite: bool) -> Counter:
    """Fill ``nipple`` and ``nipple_source`` of images.

    Args:
        data (dict): A COCO-exam JSON, changed in place.
        roots (ImageRoots): What the images may lie in.
        find (Callable): :func:`locate` of one image.
        overwrite (bool): Whether to replace those that are there.

    Returns:
        Counter: 'kept', 'detector', 'contour', 'not found', 'skipped'.
    """
    counts, skipped = Counter(), []
    for image in tqdm(data['images'], desc='nipples', unit='image'):
        if image['nipple'] is not None and not overwrite:
            counts['kept'] += 1
            continue
        facts = {key: image[key] for key in ('width', 'height', 'view')}
        try:
            point, source = find(
                dict(facts, img_path=roots.path(image['file_name'])))
        except (MammogramError, AnnotationError) as error:
            skipped.append(str(error))
            continue
        counts[source or 'not found'] += 1
        if source:
            image.update(nipple=list(point), nipple_source=source)
    counts['skipped'] = len(skipped)
    for reason in skipped[:SHOWN]:
        print(f'skipped {reason}')
    if len(skipped) > SHOWN:
        print(f'skipped ... and {len(skipped) - SHOWN} more')
    return counts


def main() -> None:
    """Run."""
    args = parse_args()
    with user_errors():
        check_device(args.device)
        folder = Path(args.ann_file).absolute().parent
        root = args.data_root or (
            folder.parent if folder.name == 'annotations' else folder)
        roots = ImageRoots(root, args.extra_root)
        data = load_coco_exam(args.ann_file, roots=roots)
        detector = None
        if not args.contour:
            detector = NippleLocator(
                load_config(args.paths[0], args.cfg_options), args.paths[1],
                args.device, args.trust_checkpoint)
        loader = LoadMammogram(**(detector.loading_options if detector else {}))
        counts = fill(
            data, roots, lambda image: locate(
                image, loader, detector, args.least_confidence), args.overwrite)
        out = args.out or args.ann_file
        if args.out or counts['detector'] + counts['contour']:
            write_json(out, data)
        print(f'{out}: ' + ', '.join(
            f'{counts[key]} {text}' for key, text in (
                ('kept', 'kept'), ('detector', 'found by the detector'),
                ('contour', 'found on the skin line'), ('not found', 'not found'),
                ('skipped', 'skipped')) if counts[key]))
        if counts['skipped'] and sum(counts.values()) == counts['skipped']:
            raise AnnotationError(f'{args.ann_file}: no image could be read below '
                                  f'{root}; set --data-root')


if __name__ == '__main__':
    main()
