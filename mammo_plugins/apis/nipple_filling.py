"""Adding missing nipples to the images of a COCO-exam JSON."""

from collections import Counter
from collections.abc import Callable

from tqdm import tqdm

from mammo_plugins.anatomy import CanonicalFrame, locate_nipple, transform_points
from mammo_plugins.datasets import LoadMammogram
from mammo_plugins.io import MammogramError, write_json
from mammo_plugins.structures import AnnotationError, ImageRoots, load_coco_exam

from .nipple_locator import NippleLocator

Point = tuple[float, float] | None
SHOWN = 5


def locate(
    results: dict,
    loader: LoadMammogram,
    detector: NippleLocator | None,
    least_confidence: float = 0.0,
) -> tuple[Point, str | None]:
    """Find the nipple of one image.

    Args:
        results (dict): ``img_path``, ``width``, ``height`` and ``view``.
        loader (LoadMammogram): Reads the file.
        detector (NippleLocator, optional): Tried first.
        least_confidence (float): Minimum confidence of the skin line's nipple. Defaults
            to 0.

    Returns:
        tuple: (x, y) in pixels of the file, and 'detector' or 'contour'; both ``None``
            if no nipple was found.

    Raises:
        MammogramError: If the file cannot be read.
        AnnotationError: If the file's size differs from the stated one.
    """
    results = loader.transform(dict(results))
    point, source = detector and detector(results['img']), 'detector'
    if point is None:
        point, source = (
            locate_nipple(results['img'], results['view'], least_confidence),
            'contour',
        )
    if point is None:
        return None, None
    inverse = CanonicalFrame.from_dict(results['canonical_frame']).inverse
    return tuple(transform_points(point, inverse).round(2).tolist()), source


def fill(data: dict, roots: ImageRoots, find: Callable, overwrite: bool) -> Counter:
    """Fill ``nipple`` and ``nipple_source`` of images.

    Args:
        data (dict): A COCO-exam JSON, changed in place.
        roots (ImageRoots): Folders to which the images may be relative.
        find (Callable): :func:`locate` for one image.
        overwrite (bool): Whether to replace existing ones.

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
            point, source = find(dict(facts, img_path=roots.path(image['file_name'])))
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


def fill_file(
    ann_file: str,
    roots: ImageRoots,
    out: str | None = None,
    detector: NippleLocator | None = None,
    least_confidence: float = 0.0,
    overwrite: bool = False,
) -> None:
    """Fill the nipples of an annotation file and report how each was found.

    Args:
        ann_file (str): COCO-exam JSON.
        roots (ImageRoots): Folders to which its images may be relative.
        out (str, optional): The file to write. Defaults to ``None``: overwrite the
            file.
        detector (NippleLocator, optional): Tried before the skin line.
        least_confidence (float): Minimum confidence of the skin line's nipple. Defaults
            to 0.
        overwrite (bool): Whether to replace existing ones.

    Raises:
        AnnotationError: If no image could be read.
    """
    data = load_coco_exam(ann_file, roots=roots)
    loader = LoadMammogram(**(detector.loading_options if detector else {}))
    counts = fill(
        data,
        roots,
        lambda image: locate(image, loader, detector, least_confidence),
        overwrite,
    )
    if out or counts['detector'] + counts['contour']:
        write_json(out or ann_file, data)
    print(
        f'{out or ann_file}: '
        + ', '.join(
            f'{counts[key]} {text}'
            for key, text in (
                ('kept', 'kept'),
                ('detector', 'found by the detector'),
                ('contour', 'found on the skin line'),
                ('not found', 'not found'),
                ('skipped', 'skipped'),
            )
            if counts[key]
        )
    )
    if counts['skipped'] and sum(counts.values()) == counts['skipped']:
        raise AnnotationError(
            f'{ann_file}: no image could be read below {roots.root}; set --data-root'
        )
