"""Otsu's threshold."""

import numpy as np

_BINS = 256


def otsu_threshold(values: np.ndarray) -> np.floating:
    """Return the grey value that parts a histogram of 256 bins best.

    Between-class variance is greatest there (Otsu, A threshold selection method from
    gray-level histograms, IEEE Trans. SMC 9, 1979, equation 18).

    Args:
        values (np.ndarray): Grey values, float, finite, of any shape, at least one.

    Returns:
        np.floating: Of their type: middle of the last bin of the lower class, of the
        lowest of several that part alike; the value itself where all are the same.
    """
    first = values.flat[0]
    if (values == first).all():
        return first
    counts, edges = np.histogram(values, _BINS)
    counts = counts.astype(np.float32)  # rounded as scikit-image does
    centres = (edges[:-1] + edges[1:]) / 2
    below, from_there = np.cumsum(counts), np.cumsum(counts[::-1])[::-1]
    low = np.cumsum(counts * centres) / below
    high = np.cumsum((counts * centres)[::-1])[::-1] / from_there
    between = below[:-1] * from_there[1:] * (low[:-1] - high[1:]) ** 2
    return centres[np.argmax(between)]
