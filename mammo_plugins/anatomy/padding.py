"""Detection of constants that are not film: padding, corners and covered labels.

A digital image's background is constant, too. Padding differs from it because film lies
between padding and the breast: padding ends straight, at an even region that is darker
than the breast and surrounds it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from .otsu import otsu_threshold

_TOLERANCE = 1 / 255  # of the range: variation of flat areas
_RIPPLE = 3 / 255  # of the range: variation near a constant's edge after lossy coding
_RINGING = 9 / 255  # of the range: the same for a few pixels of a constant
_THIN = 0.02  # of the height: thickest frame that scaling may blur
_DARK = 0.25, 0.98  # dark share: at most in film's first line, at least in a frame's
_BLOCK = 8  # pixels: size of JPEG's blocks
_LEAST = 0.002  # of the image: smallest padding
_LEVELS = 6  # number of the most frequent grey values to examine
_BEND = 0.003  # of the height: largest deviation of a straight edge
_LONG = 0.3  # of the height: shortest side of padding, longer than a curve's
_STEP = 0.03  # of the height: shortest vertical or horizontal side of irregular padding
_NEAR = 0.25  # of the step from padding to film: near padding
_STRAIGHT = 0.85  # of the edge of padding: least straight share
_BESIDE = 0.5  # of bright padding's edge: least share in film, unless axis-aligned
_RECTANGULAR = 0.93  # of the rectangle around it, filled by a strip or covered label
_TRIANGULAR = 0.87  # of the triangle around it, filled by a rotated film's corner
_COVERED = 0.15  # of the image: largest covered label
_SURROUNDED = 0.9  # of a covered label's edge: least share that lies in film
_FILM = 0.03  # of the pixels that are not padding: least share of film without breast
_BREAST = 0.02  # of the image: smallest breast
_EVEN = 0.25, 0.1, 0.1  # of the contrast to the breast: largest variation of film
_RIM = 0.04  # of the height: widest faint rim of the breast
_SKIN = 0.12  # of the breast's outline inside the image: least share that lies in film


@dataclass(frozen=True)
class Padding:
    """Padding of an image.

    Attributes:
        mask (np.ndarray): (H, W) bool.
        levels (tuple[float]): Its grey values.
        background (float): Grey value of the film next to it.
        tolerance (float): Variation of its grey values.
    """

    mask: np.ndarray
    levels: tuple[float, ...]
    background: float
    tolerance: float

    def is_near(self, pixels: np.ndarray) -> np.ndarray:
        """Return which pixels are padding or the blurred edge of dark padding."""
        reaches = [
            max(self.tolerance, _NEAR * (self.background - level))
            for level in self.levels
        ]
        return np.logical_or.reduce(
            [
                np.abs(pixels - level) <= reach
                for level, reach in zip(self.levels, reaches)
            ]
        )


def find_padding(image: np.ndarray) -> Padding | None:
    """Find constant regions that are not the background of the breast.

    A grey value is padding where it covers strips, corners or spots that end straight
    or lie in film on all sides. The region that it ends at must be even, darker than
    the breast, and surround the skin. Several values may be padding.

    Args:
        image (np.ndarray): (H, W) float32, tissue bright.

    Returns:
        Padding or None: ``None`` if there is no padding.
    """
    span = float(np.percentile(image, 99.5) - image.min())
    if span <= 0:
        return None
    image = image.copy()
    hidden = np.zeros(image.shape, bool)
    levels: list[float] = []
    background = None
    for _ in range(_LEVELS):
        for level in _common_levels(image, hidden, span):
            found = _padding_of(image, level, hidden, span)
            if found is not None:
                break
        else:
            break
        part, background = found
        hidden |= part
        levels.append(level)
    if background is None:
        return None
    return Padding(hidden, tuple(levels), background, _TOLERANCE * span)


def inside_thin_frame(pixels: np.ndarray) -> tuple[slice, slice]:
    """Find the region inside a thin frame of the darkest grey value.

    Args:
        pixels (np.ndarray): (H, W), tissue bright, at full size, because scaling mixes
            a frame of a few pixels with its surroundings.

    Returns:
        tuple[slice]: Rows and columns; all if there is no frame.
    """
    darkest = float(pixels.min())
    high = darkest + _RINGING * (float(pixels.max()) - darkest)
    deepest = max(2, round(_THIN * len(pixels)))
    box = []
    for lines in (pixels, pixels.T):
        widths = []
        for side in (lines, lines[::-1]):
            # equivalent to percentiles, but faster
            bright = (side[: deepest + 1] > high).mean(axis=1)
            width = int(np.argmax(bright > 1 - _DARK[1]))
            # beyond a frame lies film, not more of a digital background
            widths.append(width if bright[width] > 1 - _DARK[0] else 0)
        box.append(slice(widths[0], len(lines) - widths[1]))
    rows, columns = box
    return rows, columns


def grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Dilate a mask by a number of pixels."""
    kernel = np.ones((2 * pixels + 1,) * 2, np.uint8)
    return cv2.dilate(mask.astype(np.uint8), kernel) > 0


def opened(mask: np.ndarray) -> np.ndarray:
    """Return a mask without structures thinner than three pixels."""
    return (
        cv2.morphologyEx(
            mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)
        )
        > 0
    )


def _common_levels(image: np.ndarray, hidden: np.ndarray, span: float) -> list[float]:
    """Return grey values of flat areas, those at the image's edges first."""
    kernel = np.ones((3, 3), np.uint8)
    flat = cv2.dilate(image, kernel) - cv2.erode(image, kernel) <= _TOLERANCE * span
    flat &= ~hidden
    outer = np.ones(image.shape, bool)
    outer[1:-1, 1:-1] = False
    step = _TOLERANCE * span
    low = image.min()
    bins = np.rint((image[flat] - low) / step).astype(int)
    if not len(bins):
        return []
    counts = np.bincount(bins)
    edge = np.bincount(bins, weights=outer[flat], minlength=len(counts))
    common = np.flatnonzero(counts >= _LEAST * image.size)
    common = common[np.argsort(-counts[common])][:_LEVELS]
    common = common[np.argsort(-edge[common], kind='stable')]
    return [float(np.median(image[flat][bins == k])) for k in common]


def _padding_of(
    image: np.ndarray, level: float, hidden: np.ndarray, span: float
) -> tuple[np.ndarray, float] | None:
    """Return the padding of one grey value, and the film's grey value."""
    # between the extremes, the breast has the same grey values
    extreme = min(level - image.min(), image.max() - level) <= _TOLERANCE * span
    near = _RIPPLE if extreme else _TOLERANCE
    constant = (np.abs(image - level) <= near * span) & ~hidden
    constant = opened(constant)
    gap = grown(constant | hidden, 2)
    found = _film_beside(image, gap)
    if found is None:
        return None
    near_film, background = grown(found, 3), float(np.median(image[found]))
    if level < background:
        # lossy coding has frayed its edge by at most one block
        frayed = np.abs(image - level) <= _NEAR * (background - level)
        constant |= opened(frayed & grown(constant, _BLOCK) & ~hidden)
    padding = np.zeros(image.shape, bool)
    outside = grown(hidden, 2)
    outside[[0, -1]] = outside[:, [0, -1]] = True
    labels, count = ndimage.label(constant, np.ones((3, 3)))
    components = [labels == part for part in range(1, count + 1)]
    components = [c for c in components if c.sum() >= _LEAST * image.size]
    # if one part is padding, others of the same value may touch the breast
    for sure in (level < background, True):
        for component in components:
            if _ends_as_padding(component, outside, near_film, sure):
                padding |= component
        if not padding.any():
            break
    if not padding.any():
        return None
    return padding, background


def _film_beside(image: np.ndarray, gap: np.ndarray) -> np.ndarray | None:
    """Find film without breast, if it is even and surrounds the breast.

    Args:
        image (np.ndarray): (H, W).
        gap (np.ndarray): (H, W) bool, possible padding.

    Returns:
        np.ndarray or None: (H, W) bool.
    """
    rest = image[~gap]
    if rest.size < _BREAST * image.size:
        return None
    root = np.sqrt(np.clip(image - rest.min(), 0, None))
    threshold = root.max()
    # if most of the image is breast, the first threshold may separate fat from gland
    for even in _EVEN:
        below = root[~gap & (root <= threshold)]
        if below.size < _FILM * rest.size or below.max() <= below.min():
            return None
        threshold = otsu_threshold(below)
        film = (root <= threshold) & ~gap
        if film.sum() < _FILM * rest.size:
            return None
        parts, count = ndimage.label(~film & ~gap)
        if not count:
            return None
        breast = parts == 1 + np.bincount(parts.ravel())[1:].argmax()
        low, middle, high = np.percentile(image[film], [10, 50, 90])
        if (
            breast.sum() >= _BREAST * image.size
            and high - low <= even * (np.median(image[breast]) - middle)
            and _surrounds(film, breast, gap)
        ):
            return film
    return None


def _surrounds(film: np.ndarray, breast: np.ndarray, gap: np.ndarray) -> bool:
    """Return whether film lies around the breast, rather than a gap."""
    # outside the faint rim, which is as dark as film
    distance = cv2.distanceTransform(
        (~breast).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5
    )
    reach = max(3.0, _RIM * len(film))
    outline = (distance > reach - 1) & (distance <= reach + 1)
    in_film, in_gap = (outline & film).sum(), (outline & gap).sum()
    return in_film > 0 and in_film >= _SKIN * (in_film + in_gap)


def _ends_as_padding(
    component: np.ndarray, outside: np.ndarray, near_film: np.ndarray, sure: bool
) -> bool:
    """Return whether a constant area ends like padding.

    Args:
        component (np.ndarray): (H, W) bool.
        outside (np.ndarray): (H, W) bool, the image's edges and everything beyond.
        near_film (np.ndarray): (H, W) bool, pixels in film without breast or next to
            it.
        sure (bool): Whether it cannot be saturated breast.
    """
    edge = component & ~outside & grown(~component, 1)
    if not edge.any():
        return False
    in_film = (edge & near_film).sum() / edge.sum()
    if not (component & outside).any() and component.mean() < _COVERED:
        return in_film >= _SURROUNDED
    contours, _ = cv2.findContours(
        component.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE
    )
    may_touch_breast = sure or in_film >= _BESIDE
    if may_touch_breast and _is_simple(component, np.concatenate(contours)):
        return True
    total = straight = upright = 0.0
    for contour in contours:
        corners = cv2.approxPolyDP(contour, max(1.0, _BEND * len(component)), True)[
            :, 0
        ]
        for start, end in zip(corners, np.roll(corners, -1, axis=0)):
            extent = np.abs(end - start)
            along = np.linspace(0, 1, 2 + extent.max())[:, None]
            x, y = np.rint(start + along * (end - start)).astype(int).T
            inner = extent.max() * edge[y, x].mean()
            total += inner
            along_axis = extent.min() <= 2 and extent.max() >= _STEP * len(component)
            if along_axis or extent.max() >= _LONG * len(component):
                straight += inner
                upright += inner * along_axis
    share = straight
    if not may_touch_breast:
        # it extends along a whole side of the film, unlike an even part of a breast
        strip = component | outside
        across = np.concatenate([strip.all(axis=0)[1:-1], strip.all(axis=1)[1:-1]])
        share = upright if across.any() else 0.0
    return total > 0 and share >= _STRAIGHT * total


def _is_simple(component: np.ndarray, contour: np.ndarray) -> bool:
    """Return whether a constant area is a rectangle or a triangle."""
    area = component.sum()
    _, (width, height), _ = cv2.minAreaRect(contour)
    if area >= _RECTANGULAR * (width + 1) * (height + 1):
        return True
    around, _ = cv2.minEnclosingTriangle(contour)
    return around > 0 and area >= _TRIANGULAR * around
