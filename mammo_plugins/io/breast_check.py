"""Recognizing a mammogram by its pixels if no header states it."""

import numpy as np

from mammo_plugins.anatomy import SMALLEST_BREAST, breast_mask, mask_bbox, straight_ends

_LARGEST = 0.97  # of the image; some background must be visible
_MARGIN = 0.1  # of the width: film border and padding next to the chest wall
_STRAIGHT = 0.5  # least share of the breast's height at the chest wall
_ROUND = 0.6  # greatest share of that at the breast's other end


def shows_breast(pixels: np.ndarray) -> bool:
    """Return whether something like a breast extends from one side of an image.

    It is straight at that side and round at its other end, where it may be cut off.

    Args:
        pixels (np.ndarray): (H, W) in [0, 1], tissue bright.
    """
    mask = breast_mask(pixels)
    if not SMALLEST_BREAST <= mask.mean() <= _LARGEST:
        return False
    left, _, right, _ = mask_bbox(mask)
    width = mask.shape[1]
    away = left, width - right
    ends = straight_ends(mask)[:2]
    wall = int(np.argmax(ends))
    return (
        ends[wall] >= _STRAIGHT
        and ends[1 - wall] <= _ROUND * ends[wall]
        and away[wall] <= _MARGIN * width
    )
