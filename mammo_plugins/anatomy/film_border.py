"""Artefacts along the edges of films: white borders and light leaks."""

import numpy as np
from scipy import ndimage

_DEEPEST = 0.12  # of the image: widest border
_BRIGHT = 0.15  # of the range of grey values: darkest border
_DARK = 0.05  # of the range: brightest background; fat at the chest wall is brighter
_WHITE = 0.9  # of the maximum: white film, brighter than tissue
_GREY = 0.75  # of a white border's level: brightest grey value next to it
_SEEN = 0.08  # of an edge: least share of a border that ends at the background,
_SEEN_WHITE = 0.5  # and of a white border, at anything darker
_UNEVEN = 0.4  # of its depth: largest variation of an even strip's depth
_SHALLOW = 0.18  # of the breast's depth: deepest strip that is not breast
_SHORTEST = 0.02  # of the rows: shortest strip of light


def film_border(image: np.ndarray) -> np.ndarray:
    """Find bright strips of even depth along the edges of an image.

    A border is bright from the edge on and ends sharply at the background or, if it is
    white, along the whole edge. Where the breast follows without a gap, the border is
    assumed to be as deep as next to the breast.

    Args:
        image (np.ndarray): (H, W) float32, tissue bright.

    Returns:
        np.ndarray: (H, W) bool.
    """
    border = np.zeros(image.shape, bool)
    low, high = np.percentile(image, [5, 99.5])
    image = image - low
    for turns in range(4):
        turned = np.rot90(image, turns)
        depth = _border_depth(turned, high - low)
        rows = np.arange(len(turned))[:, None]
        np.rot90(border, turns)[rows < depth] = True
    return border


def _border_depth(image: np.ndarray, span: float) -> np.ndarray:
    """Return the depth of the border at the upper edge, column by column."""
    height, width = image.shape
    deepest = int(_DEEPEST * height)
    depth = np.zeros(width, int)
    if deepest < 4:
        return depth
    top = image[: deepest + 3]
    run, _, after = _ends(top, _BRIGHT * span)
    beside_dark = (run > 0) & (after < _DARK * span)
    white_run, before, after = _ends(top, _WHITE * image.max())
    beside_grey = (white_run > 0) & (after < _GREY * before)
    parts, count = ndimage.label(top[0] > _BRIGHT * span)
    for part in range(1, count + 1):
        inside = parts == part
        for ends, seen, least in (
            (run, beside_dark, _SEEN),
            (white_run, beside_grey, _SEEN_WHITE),
        ):
            known = ends[inside & seen]
            if len(known) < max(3, least * width):
                continue
            low, middle, high = np.percentile(known, [20, 50, 80])
            if high - low <= max(3, _UNEVEN * middle):
                depth[inside] = int(high) + 1
                corner = inside & beside_dark & (run <= 2 * high)
                depth[corner] = run[corner] + 1
                break
    return depth


def _ends(top: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where the region above a level ends, column by column.

    Returns:
        tuple[np.ndarray]: (W, ), its depth, 0 where it does not end; and the grey
        values two pixels before and after the end.
    """
    dark = top <= level
    run = np.where(dark.any(axis=0), dark.argmax(axis=0), len(top))
    columns = np.arange(top.shape[1])
    run = np.where(run < len(top) - 2, run, 0)
    return (
        run,
        top[np.maximum(run - 2, 0), columns],
        top[np.minimum(run + 2, len(top) - 1), columns],
    )


def strip_rows(mask: np.ndarray) -> np.ndarray:
    """Find rows above and below the breast that show only a strip of film.

    Next to the breast, film is exposed along the chest wall in a strip of even depth.

    Args:
        mask (np.ndarray): (H, W) bool.

    Returns:
        np.ndarray: (H, ) bool.
    """
    depth = mask.sum(axis=1)
    rows = np.zeros(len(depth), bool)
    for order in (slice(None), slice(None, None, -1)):
        rows[order][: _strip_length(depth[order])] = True
    return rows


def _strip_length(depth: np.ndarray) -> int:
    """Return the number of rows, from the first on, that form a strip of even depth."""
    empty = int((depth > 0).argmax())
    length = _even_length(depth[empty:])
    return empty + length if length else 0


def _even_length(depth: np.ndarray) -> int:
    """Return the length of the strip for rows that are not empty."""
    shallow = depth <= _SHALLOW * np.percentile(depth, 95)
    run = len(depth) if shallow.all() else int(shallow.argmin())
    shortest = max(4, int(_SHORTEST * len(depth)))
    if run < shortest or run == len(depth):
        return 0
    usual = np.median(depth[: (run + 1) // 2])
    within = depth[:run] <= (1 + _UNEVEN) * usual + 2
    length = run if within.all() else int(within.argmin())
    low, high = np.percentile(depth[: max(length, 1)], [10, 90])
    even = high - low <= _UNEVEN * usual + 2
    return length if even and length >= shortest else 0


def leaked_light(image: np.ndarray, breast: np.ndarray) -> np.ndarray:
    """Return the background by column, estimated from rows without breast.

    Args:
        image (np.ndarray): (H, W) float.
        breast (np.ndarray): (H, W) bool.

    Returns:
        np.ndarray: (H, W) to subtract, interpolated linearly from above the breast to
        below it; 0 if there are too few such rows.
    """
    height = len(image)
    rows = np.flatnonzero(breast.any(axis=1))
    if not len(rows):
        return np.zeros_like(image)
    least = max(4, int(_SHORTEST * height))
    above, below = max(0, rows[0] - least), min(height, rows[-1] + 1 + least)
    parts = [(0, above), (below, height)]
    profiles = [
        (0.5 * (start + stop), np.median(image[start:stop], axis=0))
        for start, stop in parts
        if stop - start >= least
    ]
    if not profiles:
        return np.zeros_like(image)
    if len(profiles) == 1:
        return np.broadcast_to(profiles[0][1], image.shape)
    (first, upper), (last, lower) = profiles
    share = np.clip((np.arange(height) - first) / (last - first), 0, 1)[:, None]
    return ((1 - share) * upper + share * lower).astype(image.dtype)
