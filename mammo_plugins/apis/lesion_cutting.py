"""Cutting lesions out of a data set for a lesion bank."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from mammo_plugins.anatomy import CanonicalFrame, breast_mask, transform_boxes
from mammo_plugins.datasets.transforms import (
    LoadMammogram,
    grown_box,
    segmentation_to_canonical,
    whole_box,
)
from mammo_plugins.io import MammogramError, atomic_path
from mammo_plugins.printable import number_of
from mammo_plugins.structures import (
    AnnotationError,
    BankLesion,
    ImageRoots,
    Lesion,
    LesionBank,
    View,
    exams_from_coco,
    generation_of,
    load_coco_exam,
    segmentation_to_mask,
    synthetic_images,
)
from mammo_plugins.synthesis import crop

MIN_SIDE = 4  # pixels; smaller boxes show no lesion
MIN_INSIDE = 0.9  # share of the lesion inside the breast; air does not count
NO_AREA = 'outline without area in the breast image'
SHOWN = 10  # skipped lesions listed per reason
CELL = 128  # pixels per lesion in the preview
COLUMNS = 12
MOST_SHOWN = 144


class Skip(NamedTuple):
    """A skipped lesion: id of its image, and reason."""

    image_id: int
    reason: str
    detail: str = ''


def write_bank(
    ann_file: Path,
    roots: ImageRoots,
    out: Path,
    classes: Sequence[str] | None = None,
    max_size: int = 512,
    context: float = 1.0,
    preview: Path | None = None,
) -> None:
    """Write the lesions of a data set as a bank; report skipped lesions.

    Args:
        ann_file (Path): COCO-exam JSON with boxes.
        roots (ImageRoots): Folders to which its ``file_name`` may be relative.
        out (Path): The .npz file to write.
        classes (Sequence[str], optional): Names of categories; all if ``None``.
        max_size (int): Longest side in pixels.
        context (float): Factor by which boxes grow.
        preview (Path, optional): Also write a picture of the lesions to this file.

    Raises:
        AnnotationError: If a class is unknown, or no lesion could be cut out.
    """
    data = load_coco_exam(ann_file, roots=roots)
    names = [category['name'] for category in data['categories']]
    unknown = sorted(set(classes or ()) - set(names))
    if unknown:
        raise AnnotationError(
            f'--classes {" ".join(unknown)}: {ann_file} has the '
            f'categories {", ".join(names)}'
        )
    lesions, skips = cut_all(data, roots, classes, max_size, context)
    report_skips(skips)
    if not lesions:
        raise AnnotationError(
            f'{ann_file}: no lesion could be cut out; it needs annotations with a bbox, '
            'and --data-root the folder of its images'
        )
    info = data['info']
    LesionBank(info['dataset'], lesions, info.get('split'), generation_of(info)).write(
        out
    )
    print(f'{number_of(len(lesions), "lesion")} of {info["dataset"]}: {out}')
    if preview:
        draw(lesions, preview)
        print(f'preview: {preview}')


def cut_all(
    data: dict,
    roots: ImageRoots,
    classes: Sequence[str] | None,
    max_size: int,
    context: float = 1.0,
) -> tuple[list[BankLesion], list[Skip]]:
    """Cut all lesions of a COCO-exam JSON.

    Args:
        data (dict): The checked JSON.
        roots (ImageRoots): Folders to which its ``file_name`` may be relative.
        classes (Sequence[str], optional): Names of categories; all if ``None``.
        max_size (int): Longest side in pixels.
        context (float): Factor by which boxes grow.

    Returns:
        tuple: The lesions, and the skipped ones.
    """
    wanted = {
        category['id']
        for category in data['categories']
        if classes is None or category['name'] in classes
    }
    made = {image['id'] for image in synthetic_images(data)}
    views = [
        (view, lesions)
        for exam in exams_from_coco(data)
        for view in exam.views.values()
        for lesions in [
            [lesion for lesion in view.lesions if lesion.category_id in wanted]
        ]
        if lesions
    ]
    found: list[BankLesion | Skip] = []
    for view, lesions in tqdm(views, desc='mammograms', unit='image'):
        if view.image_id in made:
            found += [Skip(view.image_id, 'synthetic image')] * len(lesions)
        else:
            found += cut_lesions(view, lesions, roots, max_size, context)
    return (
        [item for item in found if isinstance(item, BankLesion)],
        [item for item in found if isinstance(item, Skip)],
    )


def cut_lesions(
    view: View,
    lesions: Sequence[Lesion],
    roots: ImageRoots,
    max_size: int,
    context: float,
) -> Iterator[BankLesion | Skip]:
    """Cut the lesions of one mammogram; yield each, or the reason for skipping it."""
    try:
        image, frame = LoadMammogram().load(
            roots.path(view.file_name), view.laterality, view.view
        )
    except MammogramError as error:
        for _ in lesions:
            yield Skip(view.image_id, 'unreadable file', str(error))
        return
    size = frame.source_width, frame.source_height
    if size != (view.width, view.height):
        for _ in lesions:
            yield Skip(
                view.image_id,
                'file whose size differs from the annotation',
                f'{size[0]} x {size[1]} (w x h) instead of '
                f'{view.width} x {view.height}',
            )
        return
    inside = breast_mask(image)
    for lesion in lesions:
        if lesion.ignore:
            yield Skip(view.image_id, 'region to ignore (iscrowd)')
        else:
            yield cut(view, lesion, image, inside, frame, max_size, context)


def cut(
    view: View,
    lesion: Lesion,
    image: np.ndarray,
    inside: np.ndarray,
    frame: CanonicalFrame,
    max_size: int,
    context: float,
) -> BankLesion | Skip:
    """Cut one lesion.

    Args:
        view (View): View in which it is annotated.
        lesion (Lesion): Lesion with its box.
        image (np.ndarray): (H, W) float32, the view in its canonical frame.
        inside (np.ndarray): (H, W) bool, the breast.
        frame (CanonicalFrame): That frame.
        max_size (int): Longest side in pixels.
        context (float): Factor by which the box grows.
    """
    own_box = transform_boxes(lesion.bbox, frame.matrix)[0]
    box = whole_box(grown_box(own_box, context), image.shape)
    if box is None or whole_box(own_box, image.shape) is None:
        return Skip(view.image_id, 'box without area in the breast image')
    patch, mask, breast = (
        crop(part, box) for part in (image, outline(lesion, frame, image.shape), inside)
    )
    if min(patch.shape) < MIN_SIDE:
        return Skip(view.image_id, f'box of less than {MIN_SIDE} pixels')
    if not mask.any():
        return Skip(view.image_id, NO_AREA)
    share = breast[mask].mean()
    if share < MIN_INSIDE:
        shape = 'outline' if lesion.segmentation else 'box'
        return Skip(
            view.image_id,
            f'less than {MIN_INSIDE:.0%} of the {shape} in the breast',
            f'{share:.0%}',
        )
    shrink = min(1.0, max_size / max(patch.shape))
    if shrink < 1:
        size = [max(1, round(length * shrink)) for length in patch.shape[::-1]]
        # exclude air, then normalize by the remaining share of each pixel
        patch, mask, share = (
            cv2.resize(part.astype(np.float32), size, interpolation=cv2.INTER_AREA)
            for part in (patch * breast, mask, breast)
        )
        patch, mask, breast = patch / np.maximum(share, 0.5), mask >= 0.5, share >= 0.5
    mask &= breast
    if not mask.any():
        return Skip(view.image_id, NO_AREA)
    spacing = view.pixel_spacing_mm
    name = Path(view.file_name)
    return BankLesion.of(
        np.clip(patch, 0, 1),
        mask=mask,
        inside=breast,
        image_shape=tuple(length * shrink for length in image.shape),
        pixel_spacing_mm=spacing and tuple(step / shrink for step in spacing),
        file_name=name.name if name.is_absolute() else name.as_posix(),
        box=tuple(transform_boxes(box, frame.inverse)[0].tolist()),
        pathology=lesion.pathology,
    )


def outline(
    lesion: Lesion, frame: CanonicalFrame, shape: tuple[int, int]
) -> np.ndarray:
    """Return a bool mask of the lesion in the canonical image, or of its box."""
    if lesion.segmentation:
        return segmentation_to_mask(
            segmentation_to_canonical(lesion.segmentation, frame), shape
        )
    mask = np.zeros(shape, bool)
    x1, y1, x2, y2 = whole_box(transform_boxes(lesion.bbox, frame.matrix)[0], shape)
    mask[y1:y2, x1:x2] = True
    return mask


def draw(lesions: Sequence[BankLesion], path: Path) -> None:
    """Draw lesions as a contact sheet, each scaled to its cell."""
    if len(lesions) > MOST_SHOWN:
        lesions = [
            lesions[k]
            for k in np.linspace(0, len(lesions) - 1, MOST_SHOWN).round().astype(int)
        ]
    columns = min(COLUMNS, len(lesions))
    sheet = np.zeros(
        (math.ceil(len(lesions) / columns) * CELL, columns * CELL), np.float32
    )
    for k, lesion in enumerate(lesions):
        row, column = divmod(k, columns)
        scale = (CELL - 4) / max(lesion.levels.shape)
        size = [max(1, round(length * scale)) for length in lesion.levels.shape[::-1]]
        sheet[row * CELL + 2 :, column * CELL + 2 :][: size[1], : size[0]] = cv2.resize(
            lesion.pixels,
            size,
            interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
        )
    encoded = cv2.imencode('.png', np.rint(sheet * 255).astype(np.uint8))[1]
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded.tobytes())


def report_skips(skips: Sequence[Skip]) -> None:
    """Print the skipped lesions by reason."""
    reasons = sorted({skip.reason for skip in skips})
    for reason in reasons:
        of_it = [skip for skip in skips if skip.reason == reason]
        print(f'skipped {len(of_it)}: {reason}')
        for skip in of_it[:SHOWN]:
            print(
                f'  image {skip.image_id}' + (f': {skip.detail}' if skip.detail else '')
            )
        if len(of_it) > SHOWN:
            print(f'  and {len(of_it) - SHOWN} more')
