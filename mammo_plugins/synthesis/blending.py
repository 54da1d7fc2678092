"""Mixing of two patches and pasting of a patch into an image."""

from collections.abc import Sequence

import numpy as np


def blend(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return ``(1 - mask) * source + mask * target`` (eq. 9 of DIVF-Net's paper).

    Args:
        source (np.ndarray): (H, W), visible where the mask is 0.
        target (np.ndarray): (H, W), visible where the mask is 1.
        mask (np.ndarray): (H, W) weights in [0, 1].

    Returns:
        np.ndarray: (H, W) float32.

    Raises:
        ValueError: If the shapes differ.
    """
    if not source.shape == target.shape == mask.shape:
        raise ValueError(
            'source, target and mask must have one shape, got '
            f'{source.shape}, {target.shape} and {mask.shape}'
        )
    return ((1 - mask) * source + mask * target).astype(np.float32)


def crop(image: np.ndarray, region: Sequence) -> np.ndarray:
    """Return a copy of the pixels of a region.

    Args:
        image (np.ndarray): (H, W).
        region (Sequence): (x1, y1, x2, y2) in whole pixels, or a :class:`Region`.

    Raises:
        ValueError: If the region is empty or extends beyond the image.
    """
    return image[_window(image, region)].copy()


def paste(image: np.ndarray, patch: np.ndarray, region: Sequence) -> np.ndarray:
    """Return a copy of an image with a patch in a region.

    Args:
        image (np.ndarray): (H, W).
        patch (np.ndarray): (y2 - y1, x2 - x1).
        region (Sequence): (x1, y1, x2, y2) in whole pixels, or a :class:`Region`.

    Returns:
        np.ndarray: (H, W), of the image's dtype; pixels outside the region are
        unchanged.

    Raises:
        ValueError: If the region is empty, extends beyond the image or differs in size
            from the patch.
    """
    window = _window(image, region)
    if image[window].shape != patch.shape:
        raise ValueError(
            f'the patch is {patch.shape[0]} x {patch.shape[1]} pixels, '
            f'the region {image[window].shape[0]} x '
            f'{image[window].shape[1]} (height x width)'
        )
    pasted = image.copy()
    pasted[window] = patch
    return pasted


def _window(image: np.ndarray, region: Sequence) -> tuple:
    """Return the slices of a region; raise an error if it is invalid."""
    x1, y1, x2, y2 = region[:4]
    height, width = image.shape
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise ValueError(
            f'the region (x1, y1, x2, y2) = {(x1, y1, x2, y2)} is empty or '
            f'reaches outside the image of {height} x {width} pixels (height x '
            'width)'
        )
    return slice(y1, y2), slice(x1, x2)
