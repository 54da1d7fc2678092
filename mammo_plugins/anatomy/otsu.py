"""Otsu's threshold."""

import numpy as np

_BINS = 256


def otsu_threshold(values: np.ndarray) -> np.floating:
    """Return Otsu's threshold by a histogram of 256 bins.

    It maximizes the between-class variance (Otsu, A threshold selection method from
    gray-level histograms, IEEE Trans. SMC 9, 1979, equation 18).

    Args:
        values (np.ndarray): Grey values, float, finite, of any shape, at least one.

    Returns:
        np.floating: Of the values' type: centre of the last bin of the lower class. If
        several thresholds are equally good, the lowest; if all values are equal, that
        value.
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
