"""Validity of COCO segmentations: one check for all readers and writers.

pycocotools trusts its input and may crash the process on an invalid code, so it
receives only what :func:`segmentation_fault` has passed.

Sources: COCO's page 'Data format'; for run-length codes as text ``maskApi.c`` of
pycocotools: five bits per character, the lowest first, offset by '0' (48), 32 for 'more
follows' and 16 of the last one for the sign; from the fourth number on the difference
to the last but one.
"""

from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as coco_mask

from .fields import is_number, shown
from .masks import encoded

IGNORED = 255  # pixel label: neither lesion nor background
SLACK = 1.0  # pixels that a rounded coordinate may lie outside its image
_ALIKE = 0.1  # tolerance between box and area of one outline given in two ways
_LONGEST = 7  # characters of a number, enough for 32 bits and a sign


class OutlineFault(NamedTuple):
    """A fault in the outline of an annotation.

    Attributes:
        severe (bool): Whether box and mask cannot belong to the same lesion.
        text (str): What was found and what was expected.
    """

    severe: bool
    text: str


def segmentation_fault(segmentation: Any, height: int, width: int) -> str | None:
    """Return why a segmentation is invalid for an image.

    Args:
        segmentation: Polygons ``[[x, y, x, y, ...], ...]``, a run-length code
            ``{'size': [height, width], 'counts': ...}`` with a list of runs or
            their text, or ``[]`` for unknown.
        height (int), width (int): Of the image, in pixels.

    Returns:
        str or None: What is wrong and what is expected; ``None`` if it is valid.
    """
    if segmentation and height * width >= 2**32:
        return f'a mask in an image of {width} x {height} pixels; COCO counts 32 bits'
    try:
        if isinstance(segmentation, dict):
            _, area = _runs_extent(_read_runs(segmentation, height, width), height)
        elif isinstance(segmentation, list):
            for i, polygon in enumerate(segmentation):
                _check_polygon(polygon, f'polygon {i + 1}', height, width)
            area = _polygons_area(segmentation, height, width)
        else:
            return (
                'expected a list of polygons [x, y, x, y, ...], a run-length '
                f'code (RLE) or [], got {type(segmentation).__name__}'
            )
    except ValueError as error:
        return str(error)
    if segmentation and not area:
        return 'the mask is empty; expected pixels, or [] where it is unknown'
    return None


def segmentation_extent(
    segmentation: Any, height: int, width: int
) -> tuple[np.ndarray, float]:
    """Return the box and the area of a valid segmentation.

    Args:
        segmentation (list | dict): Not empty, without a :func:`segmentation_fault`.
        height (int), width (int): Of the image, in pixels.

    Returns:
        tuple: [x, y, w, h] float64, for polygons from their points, and the number of
        pixels that pycocotools fills.
    """
    if isinstance(segmentation, dict):
        return _runs_extent(_read_runs(segmentation, height, width), height)
    points = np.concatenate([np.reshape(p, (-1, 2)) for p in segmentation])
    box = np.concatenate([points.min(axis=0), np.ptp(points, axis=0)])
    return box, _polygons_area(segmentation, height, width)


def outline_fault(
    annotation: dict[str, Any], height: int, width: int
) -> OutlineFault | None:
    """Compare the mask, the box and the area of an annotation.

    Args:
        annotation (dict): An annotation with ``bbox`` [x, y, w, h], ``area`` and a
            valid ``segmentation``.
        height (int), width (int): Of the image, in pixels.

    Returns:
        OutlineFault or None: ``None`` if edges differ by at most 2 pixels or 5% of the
        box's longer side, and the area by at most the pixels of the box's four half
        edges or 10%. Without a mask the area may be less than the box's.
    """
    area = annotation['area']
    box = np.clip(np.array(annotation['bbox'], float), -1e9, 1e9)
    if not annotation['segmentation']:
        if area > max(1.1 * box[2] * box[3], box[2] * box[3] + box[2] + box[3]):
            return OutlineFault(
                False, f'area {area:g}, box of {box[2] * box[3]:g} pixels'
            )
        return None
    around, pixels = segmentation_extent(annotation['segmentation'], height, width)
    text = f'box {box.tolist()}, box of the mask {around.tolist()}'
    centre = around[:2] + around[2:] / 2
    if (centre < box[:2]).any() or (centre > box[:2] + box[2:]).any():
        return OutlineFault(True, f'the mask lies elsewhere: {text}')
    off = np.abs(
        [around[:2] - box[:2], around[:2] + around[2:] - box[:2] - box[2:]]
    ).max()
    if off > max(2, 0.05 * box[2:].max()):
        return OutlineFault(False, text)
    if abs(area - pixels) > max(0.1 * pixels, around[2] + around[3]):
        return OutlineFault(False, f'area {area:g}, mask of {pixels:g} pixels')
    return None


def same_outline(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two annotations of an image outline the same thing.

    Args:
        one (dict), other (dict): Annotations with ``bbox``, ``area`` and
            ``segmentation``.

    Returns:
        bool: Whether they are equal. If they are of different kinds (box, polygons,
        run-length code), whether their boxes have an IoU of 0.9 and, if both have
        masks, areas that differ by at most 10%.
    """
    masks = one['segmentation'], other['segmentation']
    if bool(masks[0]) == bool(masks[1]) and type(masks[0]) is type(masks[1]):
        return list(one['bbox']) == list(other['bbox']) and masks[0] == masks[1]
    areas = sorted((one['area'], other['area']))
    if all(masks) and areas[0] < (1 - _ALIKE) * areas[1]:
        return False
    (x1, y1, w1, h1), (x2, y2, w2, h2) = (
        map(float, entry['bbox']) for entry in (one, other)
    )
    wide = max(0.0, min(x1 + w1, x2 + w2) - max(x1, x2))
    common = wide * max(0.0, min(y1 + h1, y2 + h2) - max(y1, y2))
    return common >= (1 - _ALIKE) * (w1 * h1 + w2 * h2 - common)


def _check_polygon(polygon: Any, name: str, height: int, width: int) -> None:
    if not isinstance(polygon, list):
        raise ValueError(
            f'{name}: expected a list [x, y, x, y, ...], got {type(polygon).__name__}'
        )
    if len(polygon) < 6 or len(polygon) % 2:
        raise ValueError(
            f'{name}: {len(polygon)} numbers; expected x and y of three points or more'
        )
    if not all(map(is_number, polygon)):
        wrong = next(value for value in polygon if not is_number(value))
        raise ValueError(f'{name}: {shown(wrong)}; expected finite numbers')
    points = np.reshape(polygon, (-1, 2))
    outside = (points < -SLACK) | (points > np.array([width, height]) + SLACK)
    if outside.any():
        x, y = points[outside.any(axis=1)][0]
        raise ValueError(
            f'{name}: the point ({x:g}, {y:g}) lies outside the image of '
            f'{width} x {height} pixels (w x h)'
        )


def _polygons_area(polygons: list, height: int, width: int) -> float:
    if not polygons:
        return 0.0
    return float(coco_mask.area(encoded(polygons, height, width)))


def _read_runs(code: dict, height: int, width: int) -> np.ndarray:
    """Return the runs of a code, (N,) int64: outside, inside, outside, ..."""
    size, counts = code.get('size'), code.get('counts')
    if size != [height, width] or not all(type(side) is int for side in size):
        raise ValueError(
            f'an RLE of size {shown(size)}; its image is [{height}, '
            f'{width}] (height, width)'
        )
    if isinstance(counts, list):
        if not all(
            isinstance(run, int)
            and not isinstance(run, bool)
            and 0 <= run <= height * width
            for run in counts
        ):
            raise ValueError(
                'the counts of the RLE are not all whole numbers from 0 '
                'to the pixels of the image'
            )
        runs = np.array(counts, np.int64)
    elif isinstance(counts, str):
        runs = _read_text(counts)
    else:
        raise ValueError(
            'an RLE whose counts are neither a list of whole numbers nor a text'
        )
    if (runs < 0).any() or runs.sum() != height * width:
        raise ValueError(
            'the counts of the RLE '
            + ('are not all positive' if (runs < 0).any() else f'sum to {runs.sum()}')
            + f'; expected runs over the {height * width} pixels of the image'
        )
    return runs


def _read_text(text: str) -> np.ndarray:
    codes = np.array([ord(character) for character in text], np.int64) - 48
    if not len(codes) or codes.min() < 0 or codes.max() >= 64 or codes[-1] & 32:
        raise ValueError('the text of the RLE is not a run-length code, or cut short')
    last = np.flatnonzero(codes & 32 == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    if (last - first).max() >= _LONGEST:
        raise ValueError('the text of the RLE holds a number of more than 32 bits')
    place = np.arange(len(codes)) - np.repeat(first, last - first + 1)
    runs = np.add.reduceat((codes & 31) << (5 * place), first)
    runs -= np.where(codes[last] & 16, 1 << (5 * (place[last] + 1)), 0)
    for start in (1, 2):  # differences to the last but one; the first is separate
        runs[start::2] = np.cumsum(runs[start::2])
    return runs


def _runs_extent(runs: np.ndarray, height: int) -> tuple[np.ndarray, float]:
    ends = np.cumsum(runs)[1::2]
    starts, ends = (ends - runs[1::2])[runs[1::2] > 0], ends[runs[1::2] > 0]
    if not len(starts):
        return np.zeros(4), 0.0
    (x1, y1), (x2, y2) = divmod(starts, height), divmod(ends - 1, height)
    across = x1 != x2  # from the bottom of a column to the top of the next
    top, bottom = np.where(across, 0, y1), np.where(across, height - 1, y2)
    box = x1.min(), top.min(), x2.max() + 1 - x1.min(), bottom.max() + 1 - top.min()
    return np.array(box, float), float((ends - starts).sum())
