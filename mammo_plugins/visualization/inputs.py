"""Inputs of networks, written as 16-bit pictures."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mammo_plugins.io import atomic_path
from mammo_plugins.structures.segmentation import IGNORED

# blue, green, red, 16 bits each
LESION, REGION_IGNORED = (0, 45000, 65535), (65535, 45000, 0)


def outlines(sample) -> Iterator[tuple[list[np.ndarray], tuple]]:
    """Yield (contours, colour) of the annotations in a view's sample.

    Args:
        sample (DetDataSample): With ``gt_instances``, ``ignored_instances`` and
            ``gt_sem_seg``, if the pipeline provides them, in pixels of its input.
    """
    for key, colour in (
        ('gt_instances', LESION),
        ('ignored_instances', REGION_IGNORED),
    ):
        found = sample.get(key)
        if found is None or not len(found):
            continue
        if 'bboxes' in found:
            boxes = getattr(found.bboxes, 'tensor', found.bboxes).numpy()
            yield [_corners(box) for box in boxes], colour
        if 'masks' in found:
            for mask in found.masks.to_ndarray():
                yield contours_of(mask), colour
    drawn = sample.get('gt_sem_seg')
    if drawn is not None:
        values = drawn.sem_seg.numpy()[0]
        yield contours_of(values == 1), LESION
        yield contours_of(values == IGNORED), REGION_IGNORED


def _corners(box: np.ndarray) -> np.ndarray:
    x1, y1, x2, y2 = np.round(box).astype(int)
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])


def contours_of(mask: np.ndarray) -> list[np.ndarray]:
    """Return the contour of each part of a mask, points (x, y) of shape (n, 2).

    Args:
        mask (np.ndarray): (H, W), non-zero inside.
    """
    found, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    return [contour[:, 0] for contour in found]


def full_scale(image: np.ndarray) -> int:
    """Return the value that is shown as white.

    Args:
        image (np.ndarray): For unsigned integers, white is the largest value of their
            type. For other types it is 1, as in our images; 255 if a value is above 1,
            as in 8-bit pixels after mmdet's ``to_float32``; 65535 if a value is above
            255.
    """
    if np.issubdtype(image.dtype, np.unsignedinteger):
        return np.iinfo(image.dtype).max
    return next((full for full in (1, 255) if image.max(initial=0) <= full), 65535)


def write_input(image: np.ndarray, sample: object | None, path: str | Path) -> None:
    """Write an input with its annotations as a 16-bit PNG file.

    Pixels without a line keep their value with a precision of 1/65535 of full scale.

    Args:
        image (np.ndarray): (C, H, W). The first channel is shown, scaled by
            :func:`full_scale`.
        sample (DetDataSample, optional): Its annotations; ``None`` for none.
        path (str | Path): The file, written completely or not at all.
    """
    shares = image[0].astype(np.float64) / full_scale(image)
    pixels = np.round(np.clip(shares, 0, 1) * 65535).astype(np.uint16)
    picture = np.repeat(pixels[..., None], 3, axis=2)
    for contours, colour in outlines(sample) if sample is not None else ():
        cv2.polylines(
            picture,
            [np.ascontiguousarray(c, np.int32) for c in contours],
            True,
            colour,
            max(1, round(max(pixels.shape) / 1000)),
        )
    done, encoded = cv2.imencode('.png', picture)
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
