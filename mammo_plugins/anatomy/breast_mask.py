"""Segmentation of the breast in a mammogram, and the side of the chest wall.

Digital images have a flat background and a faint skin line; films have a noisy
background, white borders, tape, lead letters and light leaks along their edges.
"""

import cv2
import numpy as np
from scipy import ndimage

from .film_border import film_border, leaked_light, strip_rows
from .otsu import otsu_threshold
from .padding import Padding, find_padding, grown, inside_thin_frame

WORKING_HEIGHT = 512  # the mask is found at this height and scaled back
_MARKER = 9 / 512  # of the height: markers and lines are thinner
_MARKER_CONTRAST = 0.2  # of the range: contrast of markers to their surroundings
_BLUR = 1 / 512  # standard deviation, of the height
_COARSE = 0.6  # of Otsu's threshold
_FAINTEST = 0.01, 0.02, 0.04, 0.08  # of the breast's level, tried in this order
_REACH = 0.06  # of the height: largest distance of the skin from the coarse outline
_RING = 0.1  # of the height: width of the background measured beyond the reach
_NOISE = 4  # contrast of the skin, in standard deviations of the background
_ALL_PADDING = 0.995  # of a row or column: more padding means no film
_LEAK = 0.1  # share of the reach's outer end that the breast must not touch


def breast_mask(pixels: np.ndarray) -> np.ndarray:
    """Segment the breast from the background.

    Otsu's threshold on square roots finds the bulk of the breast: the largest connected
    region, without white film borders, markers and light along the image's edges. From
    there, the mask grows outward to the faint skin line. The threshold is the lowest
    one above the level and noise of the surrounding background that does not leak.

    Args:
        pixels (np.ndarray): (H, W) grey values, tissue bright, any positive scale.

    Returns:
        np.ndarray: (H, W) bool; all False if nothing stands out.
    """
    mask = np.zeros(pixels.shape, bool)
    inside = inside_thin_frame(pixels)
    mask[inside] = _mask_within(pixels[inside])
    return mask


def _mask_within(pixels: np.ndarray) -> np.ndarray:
    """Segment an image that may have padding but no thin frame."""
    small = _shrunk(pixels)
    padding = find_padding(small)
    if padding is None:
        return _enlarged(_mask_of(small), pixels.shape)
    film = _film_box(pixels, padding)
    if pixels[film].size < pixels.size:
        mask = np.zeros(pixels.shape, bool)
        mask[film] = _mask_within(pixels[film])
        return mask
    return _enlarged(
        _mask_of(small, grown(padding.mask, 2), padding.background), pixels.shape
    )


def _shrunk(pixels: np.ndarray) -> np.ndarray:
    """Shrink an image to the working height."""
    height, width = pixels.shape
    scale = min(1.0, WORKING_HEIGHT / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(
        np.asarray(pixels, np.float32), size, interpolation=cv2.INTER_AREA
    )


def _enlarged(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize a mask of the working height."""
    if mask.shape == shape:
        return mask
    return (
        cv2.resize(
            mask.astype(np.uint8) * 254, shape[::-1], interpolation=cv2.INTER_LINEAR
        )
        >= 127
    )


def _film_box(pixels: np.ndarray, padding: Padding) -> tuple[slice, slice]:
    """Return the rows and columns that show film; padding in corners remains."""
    constant = padding.is_near(pixels)
    box = []
    for axis in (1, 0):
        shown = np.flatnonzero(constant.mean(axis=axis) < _ALL_PADDING)
        box.append(slice(int(shown[0]), int(shown[-1]) + 1))
    rows, columns = box
    return rows, columns


def _mask_of(
    image: np.ndarray, covered: np.ndarray | None = None, background: float = 0.0
) -> np.ndarray:
    """Segment an image of the working height.

    Args:
        image (np.ndarray): (H, W) float32.
        covered (np.ndarray, optional): (H, W) bool, pixels that are not film.
        background (float): Grey value that replaces the covered pixels.
    """
    if covered is not None:
        image = np.where(covered, np.float32(background), image)
    border = film_border(image)
    if covered is not None:
        border |= covered
    inside = image[~border]
    low, high = np.percentile(inside, [1, 99.5]) if inside.size else (0, 0)
    if high <= low:
        return np.zeros(image.shape, bool)
    image = np.clip((image - low) / (high - low), 0, 1)
    image[border] = 0
    image = cv2.GaussianBlur(
        _without_markers(image), (0, 0), max(0.5, _BLUR * len(image))
    )
    root = np.sqrt(image)  # spreads the dark end, where skin and background differ
    coarse = root > _COARSE * otsu_threshold(root[~border])
    coarse = _largest(_without_threads(coarse & ~border))
    coarse[strip_rows(coarse)] = False
    coarse = _largest(coarse)
    if not coarse.any():
        return coarse
    image = np.clip(image - leaked_light(image, coarse), 0, None)
    mask = _grow(image, coarse, ~border)
    mask[strip_rows(mask)] = False
    return _largest(mask)


def _without_markers(image: np.ndarray) -> np.ndarray:
    """Remove thin structures that are much brighter than their surroundings."""
    size = max(3, round(_MARKER * len(image)))
    opened = cv2.morphologyEx(
        image,
        cv2.MORPH_OPEN,
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)),
    )
    return np.where(image - opened > _MARKER_CONTRAST, opened, image)


def _largest(mask: np.ndarray) -> np.ndarray:
    """Return the largest connected region of a mask, its holes filled."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    areas = np.bincount(labels.ravel())[1:]
    largest = (labels == 1 + int(areas.argmax())).astype(np.uint8)
    around = np.pad(largest, 1)
    cv2.floodFill(around, None, (0, 0), 2)  # from outside; holes are not reached
    return around[1:-1, 1:-1] != 2


def _without_threads(mask: np.ndarray) -> np.ndarray:
    """Open a mask by a diamond of five pixels, with False outside the image."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    mask = cv2.erode(
        mask.astype(np.uint8),
        cross,
        iterations=2,
        borderType=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return (
        cv2.dilate(
            mask, cross, iterations=2, borderType=cv2.BORDER_CONSTANT, borderValue=0
        )
        > 0
    )


def _grow(image: np.ndarray, coarse: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Grow the bulk of the breast to its faint skin line."""
    height = len(image)
    reach = max(3.0, _REACH * height)
    distance = cv2.distanceTransform(
        (~coarse).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5
    )
    around = image[allowed & (distance > reach) & (distance <= reach + _RING * height)]
    if not around.size:
        return coarse
    level = np.median(around)
    noise = 1.4826 * np.median(np.abs(around - level))
    tissue = np.median(image[coarse])
    near = allowed & (distance <= reach)
    end = near & (distance > reach - 2)
    for share in _FAINTEST:
        threshold = level + max(share * (tissue - level), _NOISE * noise)
        grown = _largest(((image > threshold) & near) | coarse)
        if (grown & end).sum() <= _LEAK * end.sum():
            return _without_threads(grown) | coarse
    return coarse


def breast_side(mask: np.ndarray) -> str | None:
    """Return the side of the image on which the chest wall lies.

    Args:
        mask (np.ndarray): (H, W) bool, :func:`breast_mask`.

    Returns:
        str or None: 'left' or 'right': the vertical image border that the breast
        touches more, or that its centre of mass is closer to if it touches both
        equally; ``None`` for an empty mask.
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


def mask_bbox(mask: np.ndarray, margin: int = 0) -> tuple[int, int, int, int]:
    """Return the bounding box of a mask, such as that of the breast.

    Args:
        mask (np.ndarray): (H, W) bool.
        margin (int): Pixels added on each side, within the image.

    Returns:
        tuple[int]: (x1, y1, x2, y2).

    Raises:
        ValueError: If the mask is empty.
    """
    if not mask.any():
        raise ValueError('an empty mask has no box')
    height, width = mask.shape
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    return (
        max(0, int(columns[0]) - margin),
        max(0, int(rows[0]) - margin),
        min(width, int(columns[-1]) + 1 + margin),
        min(height, int(rows[-1]) + 1 + margin),
    )
