"""Selection of the region in which a lesion is pasted, by saliency.

Source: "Towards Robust Natural-Looking Mammography Lesion Synthesis on Ipsilateral
Dual-Views Breast Cancer Analysis", section 3.2, eqs. 3 to 5 and algorithm 1. A lesion
lies at about the same distance from the nipple in CC and MLO: MommiNet-v2's paper,
section 3.5.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

LEAST_SHARE = 0.5  # of a view's own largest saliency, kept by its region in a pair
_BITS = 32  # per digit: sums over images of up to 2**31 pixels fit in int64


class Region(NamedTuple):
    """Rectangle of pixels and the saliency in it.

    Args:
        x1, y1, x2, y2 (int): Pixels; the last row is ``y2 - 1`` and the last
            column ``x2 - 1``.
        saliency (float): Sum of the saliency over the rectangle, I* of eq. 4.
    """

    x1: int
    y1: int
    x2: int
    y2: int
    saliency: float


class RegionSearch(NamedTuple):
    """Search parameters for one of two views.

    Args:
        saliency, height, width, allowed, min_allowed: As in :func:`select_region`.
        nipple (tuple[float], optional): (x, y) in continuous pixels of the map.
        centre (tuple[float]): (x, y) of the lesion's centre in the rectangle.
        pixel (tuple[float]): (width, height) of a pixel, in a unit that both views
            share, such as mm.
    """

    saliency: np.ndarray
    height: int
    width: int
    allowed: np.ndarray | None
    min_allowed: float
    nipple: tuple[float, float] | None
    centre: tuple[float, float]
    pixel: tuple[float, float]


def region_sums(saliency: np.ndarray, height: int, width: int) -> np.ndarray:
    """Sum the saliency for every position of a rectangle (eq. 3).

    It uses a summed-area table, accumulated in integers. The sums are exact and rounded
    only once, at the end.

    Args:
        saliency (np.ndarray): (H, W), finite and non-negative.
        height, width (int): Size of the rectangle, in pixels.

    Returns:
        np.ndarray: (H - height + 1, W - width + 1) float64; entry (i, j) belongs to the
        rectangle with its top left pixel in row i and column j.

    Raises:
        ValueError: If the saliency is invalid, or the rectangle is empty or larger than
            the map.
    """
    saliency = _checked(saliency, height, width)
    rows, columns = saliency.shape
    if height > rows or width > columns:
        raise ValueError(
            f'a region of {height} x {width} pixels does not fit in a '
            f'saliency map of {rows} x {columns}'
        )
    digits = list(_exact_sums(saliency, height, width))
    total = np.zeros((rows - height + 1, columns - width + 1))
    for exponent, digit in reversed(digits):  # smallest first is most exact
        total += np.ldexp(digit.astype(np.float64), exponent)
    return total


def select_region(
    saliency: np.ndarray,
    height: int,
    width: int,
    allowed: np.ndarray | None = None,
    min_allowed: float = 1.0,
) -> Region | None:
    """Find the rectangle with the largest saliency (eqs. 4 and 5, algorithm 1).

    The result equals that of the paper's double loop (:func:`select_region_by_loop`) in
    exact arithmetic: sums are compared without rounding, and if several are equal, the
    first in row-major order is selected. (The only exception is float64 values below
    1e-290 of the largest, which are rounded.)

    In the paper, a region may lie anywhere. A lesion box across the edge of the breast
    would be a mass in the air, so you can restrict it by ``allowed``.

    Args:
        saliency (np.ndarray): (H, W), finite and non-negative, such as Grad-CAM's.
        height, width (int): Size of the rectangle, in pixels.
        allowed (np.ndarray, optional): (H, W) bool, such as the breast mask.
            Saliency outside it still counts in the sums. Defaults to everything.
        min_allowed (float): Least share of the rectangle's pixels that must be allowed.
            Defaults to 1.0, so that the rectangle lies wholly inside. Lower it for
            lesions at the skin, and pass the mask to :func:`synthesize_malignancy`,
            which then leaves the air unchanged.

    Returns:
        Region, optional: None if the rectangle is larger than the map, if no position
        is allowed, or if no allowed position has saliency (the paper's loop starts at
        zero and accepts only larger sums).

    Raises:
        ValueError: If the saliency is invalid (not a number, infinite, negative, not
            two-dimensional), the rectangle is empty, or ``allowed`` or ``min_allowed``
            is invalid.
    """
    saliency = _checked(saliency, height, width)
    rows, columns = saliency.shape
    if height > rows or width > columns:
        return None
    if allowed is None:
        places = np.arange((rows - height + 1) * (columns - width + 1))
    else:
        places = np.flatnonzero(
            _permitted(allowed, saliency.shape, height, width, min_allowed)
        )
    if not places.size:
        return None
    for _, digit in _exact_sums(saliency, height, width):
        values = digit.ravel()[places]
        places = places[values == values.max()]
    y, x = divmod(int(places[0]), columns - width + 1)
    total = math.fsum(saliency[y : y + height, x : x + width].ravel())
    return Region(x, y, x + width, y + height, total) if total > 0 else None


def select_region_pair(
    first: RegionSearch, second: RegionSearch, least_share: float = LEAST_SHARE
) -> tuple[Region, Region] | None:
    """Find two salient rectangles of one lesion, equally far from the nipple.

    In each view, only rectangles with at least a share of the saliency of the view's
    best one are candidates, so that no view loses too much saliency for the distance.
    Distances of the lesion's centre from the nipple are rounded to multiples of the
    larger side of the larger pixel. Among all distances at which both views have a
    candidate, the one with the largest product of their saliencies is chosen. If there
    is no such distance, the distances are as similar as possible.

    Args:
        first, second (RegionSearch): Both with a nipple.
        least_share (float): This share, from 0 to 1. At 1, each view keeps the largest
            sum of :func:`select_region`; at 0, any saliency is sufficient. Defaults to
            0.5.

    Returns:
        tuple[Region], optional: One per view; ``None`` if :func:`select_region` finds
        no position in one of them.

    Raises:
        ValueError: As :func:`select_region`, or if ``least_share`` is not in [0, 1] or
            a nipple is missing.
    """
    if not 0 <= least_share <= 1:
        raise ValueError(
            f'least_share must be a fraction from 0 to 1, got {least_share}'
        )
    step = max(*first.pixel, *second.pixel)
    ours, theirs = (_best_by_distance(search, step) for search in (first, second))
    if ours is None or theirs is None:
        return None
    one, two = ours[0], theirs[0]
    rows, columns = (
        np.flatnonzero((best > 0) & (best >= least_share * best.max()))
        for best in (one, two)
    )
    apart = np.abs(rows[:, None] - columns)
    product = np.where(
        apart == apart.min(),
        np.add.outer(np.log(one[rows]), np.log(two[columns])),
        -np.inf,
    )  # as a sum of logarithms
    i, j = np.unravel_index(product.argmax(), product.shape)
    return (
        _best_at(ours, first, int(rows[i])),
        _best_at(theirs, second, int(columns[j])),
    )


def _best_by_distance(search: RegionSearch, step: float) -> tuple | None:
    """Return the best sum at each distance, all sums, and all rounded distances.

    Sums at positions that are not allowed are 0. The result is ``None`` if all sums
    are.
    """
    if search.nipple is None:
        raise ValueError('nipple: None; a pair is chosen by the distance from it')
    rows, columns = np.shape(search.saliency)
    if search.height > rows or search.width > columns:
        return None
    sums = region_sums(search.saliency, search.height, search.width)
    if search.allowed is not None:
        sums = np.where(
            _permitted(
                search.allowed,
                (rows, columns),
                search.height,
                search.width,
                search.min_allowed,
            ),
            sums,
            0,
        )
    if not sums.any():
        return None
    y, x = np.ogrid[: sums.shape[0], : sums.shape[1]]
    distances = np.rint(
        np.hypot(
            (x + search.centre[0] - search.nipple[0]) * search.pixel[0],
            (y + search.centre[1] - search.nipple[1]) * search.pixel[1],
        )
        / step
    ).astype(int)
    best = np.zeros(distances.max() + 1)
    np.maximum.at(best, distances, sums)
    return best, sums, distances


def _best_at(place: tuple, search: RegionSearch, distance: int) -> Region:
    """Return the first rectangle with the best sum at a distance."""
    best, sums, distances = place
    y, x = divmod(
        int(np.argmax((distances == distance) & (sums == best[distance]))),
        sums.shape[1],
    )
    return Region(x, y, x + search.width, y + search.height, float(sums[y, x]))


def select_region_by_loop(
    saliency: np.ndarray, height: int, width: int
) -> Region | None:
    """Find the same rectangle by a literal implementation of algorithm 1.

    :func:`select_region` is tested and timed against this definition, which is far too
    slow for use. Sums are computed in the array's own arithmetic, so they are exact for
    integers, for Fractions in an array of objects, and for float64 maps with few enough
    levels.

    Args:
        saliency (np.ndarray): (H, W), non-negative.
        height, width (int): Size of the rectangle, in pixels.

    Returns:
        Region, optional: None if no rectangle has a sum above zero.
    """
    best, place = 0, None
    for i in range(saliency.shape[0] - height + 1):
        for j in range(saliency.shape[1] - width + 1):
            total = saliency[i : i + height, j : j + width].sum()
            if best < total:
                best, place = total, (i, j)
    if place is None:
        return None
    i, j = place
    return Region(j, i, j + width, i + height, float(best))


def _checked(saliency: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the map as float64, or raise an error that states what is wrong."""
    saliency = np.asarray(saliency, dtype=np.float64)
    if saliency.ndim != 2 or not saliency.size:
        raise ValueError(
            'the saliency map must have two dimensions (H, W) and at '
            f'least one pixel, got shape {saliency.shape}'
        )
    if not np.isfinite(saliency).all():
        raise ValueError(
            'the saliency map holds NaN or infinite values; was the '
            'network that made it trained to a finite loss?'
        )
    if saliency.min() < 0:
        raise ValueError(
            f'the saliency map holds {saliency.min():g}; expected no '
            'negative value, as after the ReLU of Grad-CAM'
        )
    if height < 1 or width < 1:
        raise ValueError(
            f'a region needs at least one row and one column, got {height} x {width}'
        )
    return saliency


def _permitted(
    allowed: np.ndarray,
    shape: tuple[int, int],
    height: int,
    width: int,
    min_allowed: float,
) -> np.ndarray:
    """Return which positions are allowed, (H - height + 1, W - width + 1) bool."""
    allowed = np.asarray(allowed)
    if allowed.shape != shape or allowed.dtype != bool:
        raise ValueError(
            f'allowed must be a bool mask of shape {shape} as the '
            f'saliency map, got {allowed.dtype} of {allowed.shape}'
        )
    if not 0 <= min_allowed <= 1:
        raise ValueError(
            f'min_allowed must be a fraction from 0 to 1, got {min_allowed}'
        )
    counts = _window_sums(allowed.astype(np.int64), height, width)
    return counts / (height * width) >= min_allowed


def _window_sums(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Sum int64 values for every position of a rectangle, exactly."""
    table = np.zeros((values.shape[0] + 1, values.shape[1] + 1), np.int64)
    table[1:, 1:] = values.cumsum(axis=0).cumsum(axis=1)
    return (
        table[height:, width:]
        - table[:-height, width:]
        - table[height:, :-width]
        + table[:-height, :-width]
    )


def _exact_sums(
    saliency: np.ndarray, height: int, width: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Sum for every position, in digits of 32 bits, highest first.

    Floats are split into as many digits as the map's values need. Digits are summed
    separately in int64 and carried, so nothing is rounded.

    Yields:
        tuple: Exponent e, and (H - height + 1, W - width + 1) int64 digits; the
        sums are the total of ``digit * 2**e``.
    """
    top = int(np.frexp(saliency.max())[1])
    rest, sums = np.ldexp(saliency, -top), []  # below 1; powers of two are exact
    while rest.any():
        rest, digit = np.modf(np.ldexp(rest, _BITS))
        sums.append(_window_sums(digit.astype(np.int64), height, width))
    for i in range(len(sums) - 1, 0, -1):
        sums[i - 1] += sums[i] >> _BITS
        sums[i] &= (1 << _BITS) - 1
    for i, digit in enumerate(sums):
        yield top - _BITS * (i + 1), digit
