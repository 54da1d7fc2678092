"""Poisson image editing (Perez et al., 2003), by OpenCV and by eq. 4."""

import cv2
import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import spsolve

_LEVELS = 255  # OpenCV's seamlessClone accepts only 8 bits
_MARGIN = 4  # pixels around the image, for regions at its border


def poisson_blend(
    image: np.ndarray, pasted: np.ndarray, region: np.ndarray
) -> np.ndarray:
    """Blend a pasted patch into an image by OpenCV's mixed cloning.

    The "conventional" baseline of Lin et al., figure 4. It differs from their eq. 4,
    which :func:`mixed_gradient_blend` solves: OpenCV uses the patch's gradient where
    its components differ more, ``|gx - gy|``, and leaves out 3 pixels along the
    region's edge. OpenCV works with 8 bits. Its change is added to the original pixels,
    so that all others keep their 16 bits. The 8 bits span the possible grey values of
    the region.

    Args:
        image (np.ndarray): (H, W) float in [0, 1].
        pasted (np.ndarray): (H, W), the image with the patch pasted in.
        region (np.ndarray): (H, W) bool, where the patch is.

    Returns:
        np.ndarray: (H, W) float32 in [0, 1]; outside the region as before.

    Raises:
        ValueError: If shapes differ or the region is empty.
    """
    _check(image, pasted, region)
    images = [np.pad(part, _MARGIN, mode='edge') for part in (image, pasted)]
    mask = np.pad(region, _MARGIN)
    within = [part[mask].astype(float) for part in images]
    # leaves room for the patch's peaks and valleys on top of the tissue's
    reach = np.ptp(within[1])
    low = min(within[0].min() - reach, within[1].min())
    high = max(within[0].max() + reach, within[1].max())
    scale = (high - low) or 1.0
    tissue, patch = (
        np.rint(np.clip((part - low) / scale, 0, 1) * _LEVELS).astype(np.uint8)
        for part in images
    )
    rows, columns = np.nonzero(mask)
    middle = tuple(int(place.min() + place.max() + 1) // 2 for place in (columns, rows))
    made = cv2.seamlessClone(
        np.dstack([patch] * 3),
        np.dstack([tissue] * 3),
        mask.astype(np.uint8) * 255,
        middle,
        cv2.MIXED_CLONE,
    )
    change = (made[..., 0].astype(float) - tissue) / _LEVELS * scale
    change = change[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    return np.clip(image + change * region, 0, 1).astype(np.float32)


def mixed_gradient_blend(
    image: np.ndarray, pasted: np.ndarray, region: np.ndarray
) -> np.ndarray:
    """Blend a pasted patch into an image by the stronger gradient of both.

    This is the exact solution of Lin et al., eqs. 3 and 4, with everything else
    preserved (eq. 5). Among all images that are unchanged outside the region, it is the
    least-squares fit of differences between neighbours to the target gradient. The
    target gradient is the tissue's where it is longer than the patch's and across the
    region's border, and the patch's elsewhere. The solution minimizes
    :class:`~mammo_plugins.models.losses.SeamlessBlendingLoss`.

    Args:
        image (np.ndarray): (H, W) float in [0, 1].
        pasted (np.ndarray): (H, W), the image with the patch pasted in.
        region (np.ndarray): (H, W) bool, where the patch is.

    Returns:
        np.ndarray: (H, W) float32 in [0, 1]; outside the region as before.

    Raises:
        ValueError: If shapes differ, or the region is empty or the whole image.
    """
    _check(image, pasted, region)
    if region.all():
        raise ValueError(
            'the region is the whole image; expected pixels around it, which set '
            'its brightness'
        )
    tissue, patch = (_gradient(part.astype(float)) for part in (image, pasted))
    within = region & (_gradient(region.astype(int)) == 0)  # both ends
    patch *= within
    stronger = np.hypot(*tissue) > np.hypot(*patch)
    wanted = np.where(stronger | ~within, tissue, patch)
    # each difference that includes a pixel of the region is an equation for its ends
    pixel, inside = np.arange(image.size).reshape(image.shape), region.ravel()
    near, far, value = (
        np.concatenate([along_x.ravel(), along_y.ravel()])
        for along_x, along_y in (
            (pixel[:, :-1], pixel[:-1]),
            (pixel[:, 1:], pixel[1:]),
            (wanted[0, :, :-1], wanted[1, :-1]),
        )
    )
    used = inside[near] | inside[far]
    near, far, value = near[used], far[used], value[used]
    equation, one = np.arange(len(value)), np.ones(len(value))
    differences = csc_matrix(
        (
            np.concatenate([-one, one]),
            (np.concatenate([equation, equation]), np.concatenate([near, far])),
        ),
        shape=(len(value), image.size),
    )
    value -= differences[:, ~inside] @ image.ravel()[~inside]
    own = differences[:, inside]
    made = image.astype(np.float32)
    made[region] = np.clip(
        spsolve(own.T @ own, own.T @ value, permc_spec='MMD_AT_PLUS_A'), 0, 1
    )
    return made


def _gradient(image: np.ndarray) -> np.ndarray:
    """Return forward differences along x and y, (2, H, W), 0 in the last ones."""
    return np.stack(
        [
            np.diff(image, axis=1, append=image[:, -1:]),
            np.diff(image, axis=0, append=image[-1:]),
        ]
    )


def _check(image: np.ndarray, pasted: np.ndarray, region: np.ndarray) -> None:
    """Raise an error for inputs that cannot be blended."""
    if not image.shape == pasted.shape == region.shape or not region.any():
        raise ValueError(
            f'image {image.shape}, pasted {pasted.shape} and region '
            f'{region.shape} of {int(region.sum())} pixels; expected one '
            'shape and a region that is not empty'
        )
