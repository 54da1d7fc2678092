"""Converting lesion outlines from the raw data sets' forms to COCO's."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pycocotools.mask as coco_mask

from mammo_plugins.io import MammogramError, read_mammogram
from mammo_plugins.structures import (
    mask_to_segmentation,
    same_outline,
    segmentation_extent,
    segmentation_fault,
)

from .records import RawLesion

CUT = 'outline clipped at the edge of its image'
LEAST_INSIDE = 0.5  # least share of an outline's area that must lie in the image
# how much a mask's proportions may differ from its image's
SHAPE_TOLERANCE = 0.01
_ROUNDING = 1e-6  # of the area

Outline = dict[str, Any]
Polygon = Sequence[tuple[float, float]]
ReadMask = Callable[[Path, int, int], np.ndarray]
_INVERTED = 0.8  # share of an image; no lesion is that large


def read_mask(path: Path, height: int, width: int) -> np.ndarray:
    """Read a mask and resize it to its image.

    Args:
        path (Path): A DICOM file or a picture; pixels brighter than half its range are
            the lesion.
        height (int), width (int): Size of the image. A mask of another size but the
            same proportions covers the same field of view and is stretched.

    Returns:
        np.ndarray: (height, width) uint8, 0 or 1.

    Raises:
        MammogramError: If it cannot be read or has other proportions.
    """
    pixels = read_mammogram(path).pixels
    rows, columns = pixels.shape
    if not same_shape(rows / columns, height / width):
        raise MammogramError(
            path,
            f'{columns} x {rows} pixels (w x h), of other proportions than its '
            f'image of {width} x {height}: a mask covers the whole image',
        )
    mask = (pixels > (pixels.min() + pixels.max()) / 2).astype(np.uint8)
    if mask.shape != (height, width):
        mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    return mask


def same_shape(one: float, other: float) -> bool:
    """Return whether two proportions, height by width, are the same within 1%."""
    return abs(math.log(one / other)) <= SHAPE_TOLERANCE


def resolve_outline(
    lesion: RawLesion, raw: Path, height: int, width: int, read: ReadMask = read_mask
) -> tuple[Outline | None, list[str]]:
    """Compute COCO's ``bbox``, ``area`` and ``segmentation`` of a lesion.

    Parts outside the image are cut off; an outline with less than half of its area in
    the image is not used.

    Args:
        lesion (RawLesion): The lesion.
        raw (Path): The raw folder with the masks.
        height (int), width (int): Size of the image.
        read (callable): Reads a mask, like :func:`read_mask`.

    Returns:
        tuple: The outline, ``None`` if it cannot be used, and the faults to count, each
        as 'reason: detail'.
    """
    if lesion.mask_file is not None:
        outline, remark = _of_mask(lesion.mask_file, raw, height, width, read)
        remarks = [remark] if remark else []
        if outline is not None or (lesion.box is None and not lesion.polygons):
            return outline, remarks
    else:
        remarks = []
    if lesion.polygons:
        outline, more = _of_polygons(lesion.polygons, height, width)
    elif lesion.box is not None:
        outline, more = _of_box(lesion.box, height, width)
    else:
        return None, ['lesion without an outline']
    return outline, remarks + more


def drop_repeated(annotations: list[Outline]) -> tuple[list[Outline], list[str]]:
    """Drop annotations of a view that repeat another's category and outline.

    A mask and the box around it become one lesion with the mask. Facts that only the
    later one states are added.

    Args:
        annotations (list[dict]): With ``category``, ``birads``, ``pathology`` and
            ``lesion_id`` in addition to the outline.

    Returns:
        tuple: The annotations kept, the first of each, and the faults to count.
    """
    kept: list[Outline] = []
    remarks = []
    for annotation in annotations:
        i, first = next(
            (
                (i, other)
                for i, other in enumerate(kept)
                if other['category'] == annotation['category']
                and same_outline(other, annotation)
            ),
            (None, None),
        )
        if first is None:
            kept.append(annotation)
            continue
        facts = {
            name: (first[name], annotation[name])
            for name in ('birads', 'pathology', 'lesion_id')
        }
        clash = [
            f'{name} {old} and {new}'
            for name, (old, new) in facts.items()
            if None not in (old, new) and old != new
        ]
        better = (
            annotation
            if annotation['segmentation'] and (not first['segmentation'])
            else first
        )
        kept[i] = dict(
            better,
            **{name: new if old is None else old for name, (old, new) in facts.items()},
        )
        remarks.append(
            (
                f'lesion given twice that contradicts itself: {", ".join(clash)}; the '
                'first is kept'
            )
            if clash
            else f'lesion given twice: {annotation["category"]}'
        )
    return kept, remarks


def _of_mask(
    file: Path, raw: Path, height: int, width: int, read: ReadMask
) -> tuple[Outline | None, str]:
    try:
        mask = read(raw / file, height, width)
    except MammogramError as error:
        return None, f'unusable mask: {file}: {error.reason}'
    if not mask.any():
        return None, f'empty mask: {file}'
    share = mask.mean()
    if share > _INVERTED:
        return None, f'mask of nearly the whole image: {file}: {share:.0%}; inverted?'
    code = mask_to_segmentation(mask)
    outline = _outline(coco_mask.toBbox(code), coco_mask.area(code), code)
    return outline, (
        f'mask that covers more than half of its image: {file}: {share:.0%}; inverted?'
        if share > 0.5
        else ''
    )


def _of_box(
    box: Sequence[float], height: int, width: int
) -> tuple[Outline | None, list[str]]:
    if not np.isfinite(box).all():
        return None, [f'box that is not of finite numbers: {_shown(box)}']
    if box[2] < box[0] or box[3] < box[1]:
        return None, [f'box that ends before it starts: {_shown(box)}']
    x1, y1, x2, y2 = _clip(np.reshape(box, (2, 2)), height, width).ravel()
    inside = (x2 - x1) * (y2 - y1)
    if 0 < min(box[2] - box[0], box[3] - box[1]) < 1:
        return None, [f'box of less than a pixel: {_shown(box)}']
    remark = _cut(
        inside,
        (box[2] - box[0]) * (box[3] - box[1]),
        f'box {_shown(box)}',
        height,
        width,
    )
    if remark and not remark.startswith(CUT):
        return None, [remark]
    return _outline((x1, y1, x2 - x1, y2 - y1), inside, []), [remark] if remark else []


def _cut(inside: float, whole: float, what: str, height: int, width: int) -> str:
    """Return the message on an outline that reaches outside its image.

    It starts with ``CUT`` if the outline can be used.
    """
    if whole <= 0:
        return f'outline without area: {what}'
    share = inside / whole
    if share > 1 - _ROUNDING:
        return ''
    reason = (
        CUT
        if share >= LEAST_INSIDE
        else 'outline mostly outside its image'
        if inside > 0
        else 'outline outside its image'
    )
    return (
        f'{reason}: {what}: {share:.0%} of its area in {width} x {height} pixels '
        '(w x h)'
    )


def _shown(values: Sequence[float]) -> str:
    return ' '.join(f'{value:g}' for value in values)


def _clip(points: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.clip(points, 0, (width, height))


def _of_polygons(
    polygons: Sequence[Polygon], height: int, width: int
) -> tuple[Outline | None, list[str]]:
    parts = [np.array(polygon, float) for polygon in polygons if len(polygon) >= 3]
    if not all(np.isfinite(part).all() for part in parts):
        return None, ['outline that is not of finite numbers']
    within = [
        part
        for part in (_crop(part, height, width) for part in parts)
        if len(part) >= 3 and np.ptp(part, axis=0).min() > 0
    ]
    everything = np.concatenate([*parts, np.zeros((0, 2))])
    what = (
        'no three points'
        if not len(everything)
        else (
            f'x {everything[:, 0].min():g} to {everything[:, 0].max():g}, '
            f'y {everything[:, 1].min():g} to {everything[:, 1].max():g}'
        )
    )
    remark = _cut(sum(map(_area, within)), sum(map(_area, parts)), what, height, width)
    if remark and not remark.startswith(CUT):
        return None, [remark]
    remarks = [remark] if remark else []
    outlines = [part.ravel().tolist() for part in within]
    low = np.min([part.min(axis=0) for part in within], axis=0)
    high = np.max([part.max(axis=0) for part in within], axis=0)
    box = (*low, *(high - low))
    if segmentation_fault(outlines, height, width):  # lies between pixel centres
        return _outline(box, sum(map(_area, within)), []), [
            *remarks,
            f'outline too small for a mask, of which the box stays: {what}',
        ]
    _, pixels = segmentation_extent(outlines, height, width)
    return _outline(box, pixels, outlines), remarks


def _area(points: np.ndarray) -> float:
    """Return a polygon's area, or that of its box if it crosses itself."""
    x, y = (points - points[0]).T
    area = abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
    return area or float(np.prod(np.ptp(points, axis=0)))


def _crop(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Clip a polygon, (N, 2), at the image's edges.

    Source: I. Sutherland and G. Hodgman, "Reentrant polygon clipping",
    Communications of the ACM 17(1), 1974.
    """
    if (points >= 0).all() and (points <= (width, height)).all():
        return points
    for axis, sign, limit in ((0, 1, 0), (0, -1, -width), (1, 1, 0), (1, -1, -height)):
        kept = []
        for start, end in zip(np.roll(points, 1, axis=0), points):
            before, after = sign * start[axis] - limit, sign * end[axis] - limit
            if before * after < 0:
                kept.append(start + (end - start) * before / (before - after))
            if after >= 0:
                kept.append(end)
        points = np.reshape(kept, (-1, 2))
    return _clip(points, height, width)  # removes rounding errors


def _outline(bbox, area: float, segmentation: Any) -> Outline:
    return dict(
        bbox=[float(value) for value in bbox],
        area=float(area),
        segmentation=segmentation,
    )
