"""Slope of a radially averaged power spectrum, for the phantom's tests."""

import numpy as np


def spectrum_slope(
    image: np.ndarray, pixel_mm: float, low: float, high: float
) -> float:
    """Log-log slope between two frequencies (cycles per mm), square image."""
    n = len(image)
    window = np.hanning(n)[:, None] * np.hanning(n)[None]
    power = np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2
    frequency = np.fft.fftfreq(n, pixel_mm)
    radius = np.hypot(frequency[:, None], frequency[None])
    edges = np.geomspace(low, high, 12)
    points = []
    for first, last in zip(edges[:-1], edges[1:]):
        ring = (radius >= first) & (radius < last)
        if ring.any():
            points.append((np.log(radius[ring].mean()), np.log(power[ring].mean())))
    return float(np.polyfit(*np.transpose(points), 1)[0])
