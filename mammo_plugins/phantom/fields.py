"""Gaussian random fields with power-law spectra."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import fft


def _frequency_norm(
    shape: Sequence[int], spacing: float, stretch: Sequence[float]
) -> np.ndarray:
    """Length of the frequency vector of every ``rfftn`` bin, cycles per mm."""
    square = np.zeros((1,) * len(shape), np.float32)
    for axis, n in enumerate(shape):
        last = axis == len(shape) - 1
        freq = fft.rfftfreq(n, spacing) if last else fft.fftfreq(n, spacing)
        index = [None] * len(shape)
        index[axis] = slice(None)
        square = square + np.float32((stretch[axis] * freq[tuple(index)]) ** 2)
    return np.sqrt(square)


@lru_cache(maxsize=8)  # shared by both breasts, and by all views of one size
def _gain(
    shape: tuple[int, ...],
    spacing: float,
    exponent: float,
    band: tuple[float, float],
    stretch: tuple[float, ...],
) -> np.ndarray:
    """Amplitude of every ``rfftn`` bin, up to a factor; float32."""
    norm = _frequency_norm(shape, spacing, stretch)
    floor = 1 / (max(shape) * spacing)
    gain = np.maximum(norm, np.float32(floor)) ** np.float32(-exponent / 2)
    gain[(norm < band[0]) | (norm > band[1])] = 0
    gain.flat[0] = 0
    gain.flags.writeable = False
    return gain


def power_law_field(
    rng: np.random.Generator,
    shape: Sequence[int],
    spacing: float,
    exponent: float,
    band: tuple[float, float] = (0.0, np.inf),
    stretch: Sequence[float] | None = None,
) -> np.ndarray:
    """Draw a Gaussian random field whose power spectrum is ``f ** -exponent``.

    By the projection-slice theorem the sum of a 3-D field over one axis has
    the same exponent in 2-D.

    Args:
        rng: Source of randomness.
        shape: Shape of the field (2-D or 3-D).
        spacing: Sample spacing in mm.
        exponent: Exponent of the power spectrum.
        band: Frequencies kept, in cycles per mm. The field is always flat below the
            frequency of its longest side.
        stretch: How much longer structures are along each axis; None for an
            isotropic field. The exponent is the same in every direction.

    Returns:
        float32 array of ``shape`` with zero mean and unit variance; all zero
        if the grid is too coarse for the band.
    """
    shape = tuple(shape)
    gain = _gain(
        shape, spacing, exponent, tuple(band), tuple(stretch or (1.0,) * len(shape))
    )
    noise = rng.standard_normal((2,) + gain.shape, dtype=np.float32)
    spectrum = np.empty(gain.shape, np.complex64)
    np.multiply(noise[0], gain, out=spectrum.real)
    np.multiply(noise[1], gain, out=spectrum.imag)
    field = fft.irfftn(spectrum, s=shape, overwrite_x=True)
    # in place: fresh memory takes longer than the arithmetic
    field -= field.mean()
    field /= np.sqrt(np.square(field).mean()) or np.float32(1)
    return field
