"""The pixel size of a network's input, and its comparison with that in training."""

from collections.abc import Mapping
from typing import Any

import numpy as np

KEY = 'pixel_size_mm'
"""Name of the training's pixel size in the ``meta`` of checkpoints."""
MOST = 2.0
"""Sizes that differ by more than this factor are said to be others."""


def network_pixel_size(view: Mapping[str, Any]) -> float | None:
    """Return the pixel size of a network's input.

    Args:
        view (dict): Metainfo of a view's sample: ``pixel_spacing_mm`` (row, column) of
            the file and ``homography_matrix`` (3, 3) from the file to the input.

    Returns:
        float, optional: In mm, the side of a square of the same area; ``None`` if the
        spacing or the transform to the input is unknown.
    """
    spacing, matrix = view.get('pixel_spacing_mm'), view.get('homography_matrix')
    if spacing is None or matrix is None:
        return None
    area = float(np.prod(np.asarray(spacing, float)))
    scale = abs(float(np.linalg.det(np.asarray(matrix, float)[:2, :2])))
    return (area / scale) ** 0.5 if area > 0 and scale > 0 else None


def pixel_size_warning(size: float | None, trained: float | None) -> str:
    """Return a warning on the pixel size, '' if it is fine or unknown.

    Args:
        size (float, optional): Pixel size of the network's input in mm.
        trained (float, optional): Pixel size in training in mm.
    """
    if not size or not trained or max(size / trained, trained / size) <= MOST:
        return ''
    return (
        f"a pixel of the network's input is {size:.2g} mm here and was "
        f'{trained:.2g} mm in training: lesions differ in size from those in '
        'training; resize to that of the training'
    )
