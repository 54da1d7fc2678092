"""Whether pixels without a header to say so are a mammogram's."""

import numpy as np

from mammo_plugins.anatomy import SMALLEST_BREAST, breast_mask, mask_bbox, straight_ends

_LARGEST = 0.97  # of the image; some background is to be seen
_MARGIN = 0.1  # of the width: film border and padding beside the chest wall
_STRAIGHT = 0.5  # of the breast's height: how much of it meets the chest wall at least
_ROUND = 0.6  # of that: how much its other end at most


def shows_breast(pixels: np.ndarray) -> bool:
    """Tell whether something like a breast grows out of one side of an image.

    It ends straight there, and round at its other end, at which it may be cut.

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
