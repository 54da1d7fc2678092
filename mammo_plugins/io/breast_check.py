"""Whether pixels without a header to say so are a mammogram's."""
import numpy as np

from mammo_plugins.anatomy import SMALLEST_BREAST, breast_mask, mask_bbox

# a breast meets the image's edge at the chest wall, film and padding within a tenth
_MARGIN = 0.1


def shows_breast(pixels: np.ndarray) -> bool:
    """Tell whether something like a breast lies at the left or the right of an image.

    Args:
        pixels (np.ndarray): (H, W) in [0, 1], tissue bright.
    """
    mask = breast_mask(pixels)
    if mask.mean() < SMALLEST_BREAST:
        return False
    left, top, right, bottom = mask_bbox(mask)
    height, width = pixels.shape
    across = left <= _MARGIN * width or right >= (1 - _MARGIN) * width
    down = top <= _MARGIN * height or bottom >= (1 - _MARGIN) * height
    return across or down
