"""Fourier domain adaptation: transfer of the style of one patch to another.

Sources: Yang and Soatto, "FDA: Fourier Domain Adaptation for Semantic Segmentation",
CVPR 2020; "Towards Robust Natural-Looking Mammography Lesion Synthesis on
Ipsilateral Dual-Views Breast Cancer Analysis", section 3.2, eqs. 6 to 8.
"""

import math

import numpy as np

_NO_PHASE = 1e-12  # of the sum of |pixels|: smaller amplitudes are rounding errors


def fourier_adapt(source: np.ndarray, target: np.ndarray, beta: float) -> np.ndarray:
    """Replace the low-frequency amplitude of ``source`` by that of ``target`` (eq. 8).

    The window of eq. 7 contains the frequencies (u, v), in cycles per patch, with
    ``|u| <= floor(beta * H)`` and ``|v| <= floor(beta * W)``, both ends and all four
    sides included. It is symmetric, so the result is real:

    - ``beta = 0`` exchanges nothing, not even the mean, and returns the source;
    - a small ``beta > 0`` with floors of 0 exchanges only the mean;
    - from ``beta = 0.5`` on, all amplitudes are the target's.

    Phases remain those of the source. If the source lacks a frequency (amplitude zero
    except for rounding, as at all non-zero frequencies of a constant patch), there is
    no phase to keep, and the amplitude remains zero. The mean is always exchanged.

    For non-negative images, the mean of the result is the target's for any
    ``beta > 0``. Values may leave [0, 1]. Nothing is clipped here, so you must clip the
    final result.

    Args:
        source (np.ndarray): (H, W), provides the content.
        target (np.ndarray): (H, W), provides the style.
        beta (float): Half width of the window as a share of H and W, 0 to 1.

    Returns:
        np.ndarray: (H, W) float32.

    Raises:
        ValueError: If shapes differ or are not two-dimensional, or beta is out of
            range.
    """
    source, target = np.asarray(source), np.asarray(target)
    if source.ndim != 2 or not source.size or source.shape != target.shape:
        raise ValueError(
            'source and target must be patches (H, W) of one size, got '
            f'{source.shape} and {target.shape}'
        )
    if not 0 <= beta <= 1:
        raise ValueError(f'beta must be a fraction from 0 to 1, got {beta}')
    if beta == 0:
        return source.astype(np.float32)
    height, width = source.shape
    rows = np.rint(np.abs(np.fft.fftfreq(height)) * height)[:, None]
    columns = np.arange(width // 2 + 1)  # the other half is its conjugate
    spectrum = np.fft.rfft2(source.astype(np.float64))
    amplitude = np.abs(spectrum)
    exchanged = (
        (rows <= math.floor(beta * height))
        & (columns <= math.floor(beta * width))
        & (amplitude > _NO_PHASE * np.abs(source).sum(dtype=np.float64))
    )
    exchanged[0, 0] = True
    style = np.abs(np.fft.rfft2(target.astype(np.float64)))
    phase = np.exp(1j * np.angle(spectrum[exchanged]))
    spectrum[exchanged] = style[exchanged] * phase
    return np.fft.irfft2(spectrum, s=source.shape).astype(np.float32)
