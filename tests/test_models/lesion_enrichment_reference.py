"""Lesion-enriched images and contralateral adversarial samples, one by one in numpy.

Source: "NaFV-Net: An Adversarial Four-view Network for Mammogram Classification",
"The Breast Mass Classification", algorithm 1 and eqs. 8 and 9.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from mammo_plugins.synthesis import blend, gaussian_mask

Box = tuple[int, int, int, int]
_IN_BOX = 0.9  # weight in a lesion's box beside the lesion
_SPREAD = 0.3  # standard deviation of the soft mask in sides of its patch


def lesion_boxes(lesion: np.ndarray) -> list[Box]:
    """Return the box of each connected part of a lesion mask.

    Args:
        lesion (np.ndarray): (H, W) bool.

    Returns:
        list[tuple]: (x1, y1, x2, y2) in whole pixels, largest part first.
    """
    _, _, parts, _ = cv2.connectedComponentsWithStats(
        lesion.astype(np.uint8), connectivity=8
    )
    found = sorted(parts[1:].tolist(), key=lambda part: -part[cv2.CC_STAT_AREA])
    return [(x, y, x + width, y + height) for x, y, width, height, _ in found]


def position_mask(lesion: np.ndarray, unit: float | None = None) -> np.ndarray:
    """Return the weight of each pixel for the classifier (algorithm 1, line 4).

    1 in the lesion and 0.9 in the rest of its box. Outside the weight is "0.9 - dist",
    dist being the Euclidean distance to the lesion's centre, for which it falls "from
    0.9 to 0", but in what unit the paper does not say. By default the image's farthest
    pixel gets 0: ``0.9 (1 - d / d_max)``. In pixels, as algorithm 1 is printed, the
    weight would be 0 next to the box already, and the classifier see boxes alone, which
    is not to "decrease". At the box's rim the weight jumps. The centre is that of the
    box. Of several lesions each pixel has the largest weight. Without a lesion there is
    no position to tell, and all weights are 1.

    Args:
        lesion (np.ndarray): (H, W) bool; each connected part is a lesion.
        unit (float, optional): Pixels that dist counts as 1; what would be below 0
            is 0. 1 is algorithm 1 as printed. Defaults to ``None``, ``d_max / 0.9``
            of each lesion.

    Returns:
        np.ndarray: (H, W) float32 in [0, 1].

    Raises:
        ValueError: If the mask is not such, or the unit is not above 0.
    """
    if unit is not None and unit <= 0:
        raise ValueError(f'unit: {unit}; expected pixels, above 0, or None')
    if lesion.ndim != 2 or lesion.dtype != bool:
        raise ValueError(
            f'lesion: {lesion.dtype} of shape {lesion.shape}; expected a '
            'bool mask (H, W)'
        )
    boxes = lesion_boxes(lesion)
    if not boxes:
        return np.ones(lesion.shape, np.float32)
    weights = np.zeros(lesion.shape)
    rows, columns = np.indices(lesion.shape) + 0.5
    for x1, y1, x2, y2 in boxes:
        distance = np.hypot(columns - (x1 + x2) / 2, rows - (y1 + y2) / 2)
        falling = (
            _IN_BOX * (1 - distance / max(distance.max(), 1e-9))
            if unit is None
            else _IN_BOX - distance / unit
        )
        falling[y1:y2, x1:x2] = _IN_BOX
        weights = np.maximum(weights, falling)
    weights[lesion] = 1
    return weights.astype(np.float32)


def contralateral_fusion(
    unaffected: np.ndarray, affected: np.ndarray, boxes: Sequence[Box]
) -> np.ndarray:
    """Blend lesions into the mirrored place of the other breast (eq. 9, figure 3).

    ``F = alpha O + (1 - alpha) R`` within each box, O being the unaffected image and R
    the affected one. ``1 - alpha`` is a Gaussian over the box, 1 in its middle; the
    paper says "soft contour mask" and no more. Outside the boxes F is O.

    Args:
        unaffected (np.ndarray): (H, W) float in [0, 1].
        affected (np.ndarray): (H, W), brought to the unaffected side's frame.
        boxes (Sequence[tuple]): (x1, y1, x2, y2) in whole pixels of both; what
            reaches outside the image is left out.

    Returns:
        np.ndarray: (H, W) float32.

    Raises:
        ValueError: If the shapes differ.
    """
    if unaffected.shape != affected.shape:
        raise ValueError(
            f'unaffected {unaffected.shape} and affected '
            f'{affected.shape}: expected one shape; register them first'
        )
    fused = unaffected.astype(np.float32)
    height, width = fused.shape
    for x1, y1, x2, y2 in boxes:
        patch = (y2 - y1, x2 - x1)
        weight = gaussian_mask(
            patch,
            (patch[1] / 2, patch[0] / 2),
            (_SPREAD * patch[1], _SPREAD * patch[0]),
        )
        left, top = max(x1, 0), max(y1, 0)
        right, bottom = min(x2, width), min(y2, height)
        if left >= right or top >= bottom:
            continue
        window = slice(top, bottom), slice(left, right)
        fused[window] = blend(
            fused[window],
            affected[window],
            weight[top - y1 : bottom - y1, left - x1 : right - x1],
        )
    return fused


def jittered_lesions(
    lesion: np.ndarray, rng: np.random.Generator, most: float
) -> np.ndarray:
    """Move the lesions of a mask a little, each with its box as by :func:`jittered`.

    Args:
        lesion (np.ndarray): (H, W) bool; each connected part is a lesion.
        rng (np.random.Generator): Two numbers are drawn from it for each lesion.
        most (float): As in :func:`jittered`.

    Returns:
        np.ndarray: (H, W) bool; what is moved out of the image is left out.
    """
    height, width = lesion.shape
    moved = np.zeros_like(lesion)
    for box in lesion_boxes(lesion):
        x1, y1, x2, y2 = box
        rows, columns = np.nonzero(lesion[y1:y2, x1:x2])
        left, top, _, _ = jittered(box, rng, most)
        rows, columns = rows + top, columns + left
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        moved[rows[inside], columns[inside]] = True
    return moved


def jittered(box: Box, rng: np.random.Generator, most: float) -> Box:
    """Move a box a little, "to introduce slight misalignments".

    Args:
        box (tuple): (x1, y1, x2, y2) in whole pixels.
        rng (np.random.Generator): Two numbers are drawn from it.
        most (float): Largest shift along each axis, as a share of the box's side;
            the paper does not say how far.
    """
    x1, y1, x2, y2 = box
    dx, dy = (
        int(round(rng.uniform(-most, most) * side)) for side in (x2 - x1, y2 - y1)
    )
    return x1 + dx, y1 + dy, x2 + dx, y2 + dy
