"""Poisson image editing (Perez et al., 2003), by OpenCV."""
import cv2
import numpy as np

_LEVELS = 255  # OpenCV's seamlessClone takes 8 bits alone
_MARGIN = 4  # pixels around the image, for regions at its border


def poisson_blend(image: np.ndarray, pasted: np.ndarray,
                  region: np.ndarray) -> np.ndarray:
    """Blend a pasted patch into an image with mixed gradients.

    The baseline of Lin et al., figure 4: at each pixel of the region the stronger
    gradient of tissue and patch. OpenCV works with 8 bits; its change of the image is
    added to the pixels as they are, so that all others keep their 16. The 8 bits span
    the grey values that the region can have.

    Args:
        image (np.ndarray): (H, W) float in [0, 1].
        pasted (np.ndarray): (H, W), the image with the patch pasted in.
        region (np.ndarray): (H, W) bool, where the patch is.

    Returns:
        np.ndarray: (H, W) float32 in [0, 1]; outside the region as before.

    Raises:
        ValueError: If shapes differ or the region is empty.
    """
    if not image.shape == pasted.shape == region.shape or not region.any():
        raise ValueError(f'image {image.shape}, pasted {pasted.shape} and region '
                         f'{region.shape} of {int(region.sum())} pixels; expected one '
                         'shape and a region that is not empty')
    images = [np.pad(part, _MARGIN, mode='edge') for part in (image, pasted)]
    mask = np.pad(region, _MARGIN)
    within = [part[mask].astype(float) for part in images]
    # room for the patch's bumps and hollows on top of the tissue's
    reach = np.ptp(within[1])
    low = min(within[0].min() - reach, within[1].min())
    high = max(within[0].max() + reach, within[1].max())
    scale = (high - low) or 1.
    tissue, patch = (
        np.rint(np.clip((part - low) / scale, 0, 1) * _LEVELS).astype(np.uint8)
        for part in images)
    rows, columns = np.nonzero(mask)
    middle = tuple(int(place.min() + place.max() + 1) // 2
                   for place in (columns, rows))
    made = cv2.seamlessClone(*(np.dstack([part] * 3) for part in (patch, tissue)),
                             mask.astype(np.uint8) * 255, middle, cv2.MIXED_CLONE)
    change = (made[..., 0].astype(float) - tissue) / _LEVELS * scale
    change = change[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    return np.clip(image + change * region, 0, 1).astype(np.float32)
