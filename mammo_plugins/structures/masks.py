"""Converting COCO segmentations to masks and back; all outlines are rasterized here."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

Segmentation = list | dict[str, Any]


def encoded(segmentation: Segmentation, height: int, width: int) -> dict[str, Any]:
    """Return a valid segmentation in the form that pycocotools uses.

    Args:
        segmentation (list | dict): Polygons [[x, y, x, y, ...], ...], whose union
            counts, or a run-length code whose ``counts`` are a list, a text or bytes.
        height (int), width (int): Of the image, in pixels.

    Returns:
        dict: A compressed run-length code.
    """
    if isinstance(segmentation, list):
        return coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    if isinstance(segmentation['counts'], list):
        return coco_mask.frPyObjects(segmentation, height, width)
    return segmentation


def segmentation_to_mask(
    segmentation: Segmentation, shape: tuple[int, int]
) -> np.ndarray:
    """Rasterize a valid segmentation.

    Args:
        segmentation (list | dict): As for :func:`encoded`.
        shape (tuple[int]): (H, W) of the image.

    Returns:
        np.ndarray: bool, (H, W).
    """
    return coco_mask.decode(encoded(segmentation, *shape)).astype(bool)


def outlines_to_mask(
    outlines: Sequence[Sequence[Sequence[float]]], shape: tuple[int, int]
) -> np.ndarray:
    """Fill outlines that run through the middles of the outermost pixels.

    As predictions have them of masses: the region is the one that they were taken of,
    with its holes filled. Segmentations of COCO run along the edges of pixels.

    Args:
        outlines (Sequence): Points (x, y) of each part, continuous pixels.
        shape (tuple[int]): (H, W) of the image.

    Returns:
        np.ndarray: bool, (H, W).
    """
    region = np.zeros(shape, np.uint8)
    for outline in outlines:
        points = np.rint(np.asarray(outline, float) - 0.5).astype(np.int32)
        cv2.fillPoly(region, [points], 1)
    return region.astype(bool)


def mask_to_segmentation(mask: np.ndarray) -> dict[str, Any]:
    """Return a mask as a run-length code that JSON can represent.

    Args:
        mask (np.ndarray): bool or 0 and 1, (H, W).

    Returns:
        dict: ``size`` [H, W] and ``counts``, a text; mmdet treats a code with bytes as
        invalid.
    """
    code = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return dict(size=list(mask.shape), counts=code['counts'].decode())
