"""Converting X-ray projections in floats to display levels.

A projection in floats has no defined range of values. By the Beer-Lambert law its
logarithm is, up to sign and a constant, the attenuation along the beam. Attenuation has
an absolute scale, so equal breasts stay equal from image to image. Simulations write
either the signal, low behind tissue, or the quotient of the signal without an object
and with it, high behind tissue. The sign is determined from the pixels, since no header
states it.
"""

import cv2
import numpy as np

from mammo_plugins.io.errors import Defect

ATTENUATION_RANGE = 6.0
"""Attenuation that is displayed as 1: a beam weakened by the factor exp(6) = 403.

At 28 kVp a breast of 6 cm weakens the beam by some exp(3) to exp(5).
"""

_BORDER = 0.02  # of the image's sides; most of it shows air around the breast
_WINDOW = 25  # pixels; in the beam nearly all of a window's pixels are above 0
_LEAST_VALID = 0.95
_LEAST_BEAM = 0.05  # of the image


def projection_levels(values: np.ndarray) -> np.ndarray:
    """Return the attenuation of an X-ray projection, scaled to [0, 1].

    Levels are ``attenuation / ATTENUATION_RANGE``, clipped, where attenuation is the
    absolute difference between the logarithm and its level in air. That level is the
    median along the borders of the beam, three of which show little but air. Whether
    tissue is lower or higher than air is the sign of the mean difference. Pixels
    outside the beam, where a window of 25 x 25 pixels contains values that are not
    positive or not finite, are 0, and so are single such pixels within it.

    Args:
        values (np.ndarray): (H, W), signals, or quotients of the signal without an
            object and that with it; any unit.

    Returns:
        np.ndarray: (H, W) float32 in [0, 1], bright tissue on a dark background.

    Raises:
        Defect: If less than 5% of the image is in a beam.
    """
    difference, beam = log_difference(values)
    if difference[beam].mean() < 0:
        difference = -difference
    return np.clip(difference / ATTENUATION_RANGE, 0, 1).astype(np.float32)


def log_difference(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithm of a projection minus its level in air, and the beam.

    Args:
        values (np.ndarray): (H, W), as in :func:`projection_levels`.

    Returns:
        tuple: (difference, beam), (H, W) of float64, 0 outside the beam, and of bool.

    Raises:
        Defect: If less than 5% of the image is in a beam.
    """
    valid = np.isfinite(values) & (values > 0)
    share = cv2.blur(
        valid.astype(np.float32), (_WINDOW, _WINDOW), borderType=cv2.BORDER_REPLICATE
    )
    beam = valid & (share >= _LEAST_VALID)
    if beam.mean() < _LEAST_BEAM:
        raise Defect(
            'floats outside [0, 1] that are not an X-ray projection either (its '
            'values are positive); scale them to [0, 1], or state their range as '
            'ElementMin and ElementMax'
        )
    logarithm = np.zeros(values.shape, np.float64)
    np.log(values, out=logarithm, where=beam)
    logarithm -= np.median(logarithm[beam & _border(beam)])
    return np.where(beam, logarithm, 0), beam


def _border(beam: np.ndarray) -> np.ndarray:
    """Return the border of the beam's field, (H, W) of bool."""
    top, bottom = _field(beam.mean(axis=1))
    left, right = _field(beam.mean(axis=0))
    border = np.zeros(beam.shape, bool)
    border[top:bottom, left:right] = True
    deep = (
        max(1, round(_BORDER * (bottom - top))),
        max(1, round(_BORDER * (right - left))),
    )
    border[top + deep[0] : bottom - deep[0], left + deep[1] : right - deep[1]] = False
    return border


def _field(share: np.ndarray) -> tuple[int, int]:
    """Return the first row or column of the beam and the one after its last."""
    inside = np.flatnonzero(share > share.max() / 2)
    return int(inside[0]), int(inside[-1]) + 1
