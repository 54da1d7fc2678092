"""Errors of a predicted lesion-free image whose truth is known."""

from typing import NamedTuple

import numpy as np


class ReconstructionErrors(NamedTuple):
    """Errors of one view in grey values of [0, 1], NaN if there are no such pixels.

    Attributes:
        inside (float): Mean absolute error in lesions.
        inside_unchanged (float): The same for the unchanged image, the error of doing
            nothing.
        inside_bias (float): Mean error in lesions: above zero, part of the lesion
            remains; below, it is darker than the original tissue.
        outside (float): Mean absolute error in the breast outside lesions.
    """

    inside: float
    inside_unchanged: float
    inside_bias: float
    outside: float


RECONSTRUCTION_FIGURES = ReconstructionErrors._fields


def similarity(one: np.ndarray, other: np.ndarray, region: np.ndarray) -> float:
    """Pearson's correlation of two images in a region.

    Args:
        one, other (np.ndarray): (H, W).
        region (np.ndarray): bool, (H, W).

    Returns:
        float: NaN if an image is constant or there are fewer than two pixels.
    """
    centred = [np.asarray(image, float)[region] for image in (one, other)]
    centred = [values - values.mean() for values in centred if len(values) > 1]
    scale = np.prod([np.linalg.norm(values) for values in centred])
    return float(np.dot(*centred) / scale) if centred and scale > 1e-12 else np.nan


def reconstruction_errors(
    guess: np.ndarray,
    truth: np.ndarray,
    image: np.ndarray,
    lesions: np.ndarray,
    breast: np.ndarray,
) -> ReconstructionErrors:
    """Compute the errors of a view.

    Args:
        guess (np.ndarray): The predicted image without lesions, (H, W).
        truth (np.ndarray): The true image without lesions, (H, W).
        image (np.ndarray): The image with lesions, (H, W).
        lesions (np.ndarray): bool, (H, W).
        breast (np.ndarray): bool, (H, W); lesions may extend beyond it.

    Raises:
        ValueError: If shapes differ.
    """
    shapes = {array.shape for array in (guess, truth, image, lesions, breast)}
    if len(shapes) != 1:
        raise ValueError(f'shapes {sorted(shapes)}; expected one for all')
    around = breast & ~lesions

    def mean(values: np.ndarray, region: np.ndarray) -> float:
        return float(values[region].mean()) if region.any() else np.nan

    error = np.subtract(guess, truth, dtype=float)
    return ReconstructionErrors(
        inside=mean(np.abs(error), lesions),
        inside_unchanged=mean(np.abs(np.subtract(image, truth, dtype=float)), lesions),
        inside_bias=mean(error, lesions),
        outside=mean(np.abs(error), around),
    )
