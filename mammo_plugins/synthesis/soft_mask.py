"""Soft masks with weights that decrease from a centre.

Source: "Towards Robust Natural-Looking Mammography Lesion Synthesis on Ipsilateral
Dual-Views Breast Cancer Analysis", section 3.2, eq. 10 and figure 4a.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class MaskParameters(NamedTuple):
    """Parameters of one soft mask, in pixels of its patch.

    Args:
        mu_x, mu_y (float): Centre, in continuous coordinates: pixel k covers
            [k, k + 1), so the middle of a patch is (W / 2, H / 2).
        sigma (float): Standard deviation, the same along both axes as in eq. 10.
    """

    mu_x: float
    mu_y: float
    sigma: float


@dataclass(frozen=True)
class SoftMask:
    """Ranges of the parameters of soft masks.

    The paper draws the centre "from the input images' width W, height H ranges" and
    sigma from "its spread in the image space", without values. With a centre at a
    corner of the patch, only a quarter of the mask is visible and the lesion is hidden,
    although the image is labelled malignant. The default therefore keeps the centre
    near the middle. The paper's full range is
    ``SoftMask(centre_range=(0., 1.), sigma_range=...)``.

    Args:
        centre_range (tuple[float]): Range of the centre, as a share of W and of H.
            Defaults to (0.4, 0.6).
        sigma_range (tuple[float]): Range of sigma, as a share of the shorter side. With
            the defaults (0.2, 0.3), a centred mask decreases to 0.04 to 0.25 at the
            middle of the nearest sides. Larger values show more of the lesion and more
            of the patch's contour.

    Raises:
        ValueError: If a range is not in order, a centre lies outside the patch or
            a sigma is not above zero.
    """

    centre_range: tuple[float, float] = (0.4, 0.6)
    sigma_range: tuple[float, float] = (0.2, 0.3)

    def __post_init__(self) -> None:
        low, high = self.centre_range
        if not 0 <= low <= high <= 1:
            raise ValueError(
                'centre_range must be two increasing fractions from 0 to 1, got '
                f'{self.centre_range}'
            )
        low, high = self.sigma_range
        if not 0 < low <= high < np.inf:
            raise ValueError(
                'sigma_range must be two increasing fractions above 0, got '
                f'{self.sigma_range}'
            )


def gaussian_mask(
    shape: tuple[int, int],
    centre: tuple[float, float],
    sigma: float | tuple[float, float],
) -> np.ndarray:
    """Return the outer product of two Gaussians (eq. 10).

    The peak is 1 if the centre is at the middle of a pixel, and less if it lies between
    pixels. A tiny sigma leaves at most one pixel. A huge one makes the mask 1
    everywhere (as in CutMix).

    Args:
        shape (tuple[int]): (H, W) in pixels.
        centre (tuple[float]): (x, y) in continuous coordinates: the middle of the
            pixel in row i and column j is (j + 0.5, i + 0.5).
        sigma (float | tuple[float]): Standard deviation in pixels, above zero; one
            for both axes as in eq. 10, or (along x, along y).

    Returns:
        np.ndarray: (H, W) float32 in [0, 1]; it and ``1 - mask`` sum to exactly 1.

    Raises:
        ValueError: If sigma is not above zero.
    """
    sigma_x, sigma_y = np.broadcast_to(sigma, 2)
    if not (sigma_x > 0 and sigma_y > 0):
        raise ValueError(f'sigma must be above 0 pixels, got {sigma}')
    (height, width), (x, y) = shape, centre
    with np.errstate(over='ignore'):  # far from a tiny sigma; exp(-inf) is 0
        rows = np.exp(-(((np.arange(height) + 0.5 - y) / sigma_y) ** 2) / 2)
        columns = np.exp(-(((np.arange(width) + 0.5 - x) / sigma_x) ** 2) / 2)
    return np.outer(rows, columns).astype(np.float32)


def sample_mask_parameters(
    shape: tuple[int, int], rng: np.random.Generator, soft_mask: SoftMask = SoftMask()
) -> MaskParameters:
    """Draw the centre and the width of a soft mask, each uniformly.

    Args:
        shape (tuple[int]): (H, W) of the patch, in pixels.
        rng (np.random.Generator): Three numbers are drawn from it.
        soft_mask (SoftMask): Ranges of the parameters.
    """
    height, width = shape
    return MaskParameters(
        mu_x=width * rng.uniform(*soft_mask.centre_range),
        mu_y=height * rng.uniform(*soft_mask.centre_range),
        sigma=min(height, width) * rng.uniform(*soft_mask.sigma_range),
    )
