"""Whether pixels without a header to say so are a mammogram's."""
import numpy as np

from mammo_plugins.anatomy import SMALLEST_BREAST, breast_mask

_LARGEST = 0.9  # of the image; some background is to be seen
_MARGIN = 0.1  # of the width: film border and padding beside the chest wall
_CONTACT = 0.2  # of the height: how much of the side the breast meets at least
_FREE = 0.3  # of that contact: how much of the other side at most


def shows_breast(pixels: np.ndarray) -> bool:
    """Tell whether something like a breast grows out of one side of an image.

    Args:
        pixels (np.ndarray): (H, W) in [0, 1], tissue bright.
    """
    mask = breast_mask(pixels)
    if not SMALLEST_BREAST <= mask.mean() <= _LARGEST:
        return False
    margin = max(1, int(_MARGIN * mask.shape[1]))
    sides = [part.any(axis=1).mean() for part in (mask[:, :margin], mask[:, -margin:])]
    return max(sides) >= _CONTACT and min(sides) <= _FREE * max(sides)
