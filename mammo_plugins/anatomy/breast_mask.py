"""Where the breast is in a mammogram, and which way it faces."""
from typing import Optional, Tuple

import cv2
import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

_WORKING_HEIGHT = 512  # the mask is found at this height and scaled back


def breast_mask(pixels: np.ndarray) -> np.ndarray:
    """Segment the breast from the background.

    The background is the darkest mode of the histogram; the breast is the largest
    connected region above it, so that labels and markers are left out.

    Args:
        pixels (np.ndarray): (H, W) grey values, tissue bright, any positive scale.

    Returns:
        np.ndarray: (H, W) bool; all False when nothing stands out.
    """
    height, width = pixels.shape
    scale = min(1.0, _WORKING_HEIGHT / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(
        pixels.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 1.5)
    low, high = np.percentile(small, [1, 99.5])
    if high <= low:
        return np.zeros(pixels.shape, bool)
    small = np.clip((small - low) / (high - low), 0, 1)
    # the root spreads the dark end, where skin and background part
    tissue = np.sqrt(small) > 0.6 * threshold_otsu(np.sqrt(small))
    tissue = ndimage.binary_opening(tissue, iterations=2)
    labels, count = ndimage.label(tissue)
    if count == 0:
        return np.zeros(pixels.shape, bool)
    areas = np.bincount(labels.ravel())[1:]
    mask = ndimage.binary_fill_holes(labels == 1 + int(areas.argmax()))
    return cv2.resize(
        mask.astype(np.uint8), (width, height),
        interpolation=cv2.INTER_NEAREST).astype(bool)


def breast_side(mask: np.ndarray) -> Optional[str]:
    """Tell on which side of the image the chest wall lies.

    Args:
        mask (np.ndarray): (H, W) bool, :func:`breast_mask`.

    Returns:
        str or None: 'left' or 'right': the vertical image border that the breast
        touches more; by the centre of mass when it touches both alike; ``None``
        for an empty mask.
    """
    if not mask.any():
        return None
    width = mask.shape[1]
    border = max(1, width // 50)
    left, right = mask[:, :border].sum(), mask[:, -border:].sum()
    if left != right:
        return 'left' if left > right else 'right'
    columns = np.flatnonzero(mask.any(axis=0))
    centre = np.average(np.arange(width) + 0.5, weights=mask.sum(axis=0))
    return 'left' if centre <= (columns[0] + columns[-1] + 1) / 2 else 'right'


def breast_bbox(mask: np.ndarray,
                margin: int = 0) -> Optional[Tuple[int, int, int, int]]:
    """Return the box around the breast.

    Args:
        mask (np.ndarray): (H, W) bool.
        margin (int): Pixels added on each side, as far as the image goes.

    Returns:
        tuple[int] or None: (x1, y1, x2, y2); ``None`` for an empty mask.
    """
    if not mask.any():
        return None
    height, width = mask.shape
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    return (max(0, int(columns[0]) - margin), max(0, int(rows[0]) - margin),
            min(width, int(columns[-1]) + 1 + margin),
            min(height, int(rows[-1]) + 1 + margin))
