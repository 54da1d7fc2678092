"""What a network sees: inputs of a pipeline as pictures of 16 bits."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mammo_plugins.io import atomic_path
from mammo_plugins.structures.segmentation import IGNORED

# blue, green, red of 16 bits
LESION, REGION_IGNORED = (0, 45000, 65535), (65535, 45000, 0)


def outlines(sample) -> Iterator[tuple[list[np.ndarray], tuple]]:
    """Yield (contours, colour) of what a view's sample has annotated.

    Args:
        sample (DetDataSample): With ``gt_instances``, ``ignored_instances`` and
            ``gt_sem_seg`` as far as the pipeline has them, in pixels of its input.
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
    """Return (n, 2) points (x, y) around each part of a mask.

    Args:
        mask (np.ndarray): (H, W), not 0 inside.
    """
    found, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    return [contour[:, 0] for contour in found]


def full_scale(image: np.ndarray) -> int:
    """Return the value that is shown white.

    Args:
        image (np.ndarray): Unsigned integers: the largest of their type. Others: 1, as
            ours are; where a value is above it, 255, as mmdet's ``to_float32`` leaves
            pixels of 8 bits; where one is above that, 65535.
    """
    if np.issubdtype(image.dtype, np.unsignedinteger):
        return np.iinfo(image.dtype).max
    return next((full for full in (1, 255) if image.max(initial=0) <= full), 65535)


def write_input(image: np.ndarray, sample: object | None, path: str | Path) -> None:
    """Write an input with what is annotated in it as a PNG file of 16 bits.

    Pixels without a line keep their value to 1/65535 of the full scale.

    Args:
        image (np.ndarray): (C, H, W), of which the first channel is shown, scaled as
            :func:`full_scale` says.
        sample (DetDataSample, optional): Its annotations; ``None`` for none.
        path (str | Path): The file, written whole or not at all.
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
