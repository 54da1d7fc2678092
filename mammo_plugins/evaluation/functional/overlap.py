"""Pairwise overlap of boxes and of masks."""

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as mask_utils

RLE = dict[str, object]
"""A COCO compressed run-length code: ``{'size': [h, w], 'counts': ...}``."""


def box_iou(boxes1: np.ndarray, boxes2: np.ndarray, crowd: bool = False) -> np.ndarray:
    """Intersection over union of every pair of boxes.

    Coordinates are continuous (no ``+ 1``): the box (0, 0, 2, 1) has area 2.
    A box without area overlaps nothing, so its IoU is 0.

    Args:
        boxes1 (np.ndarray): Boxes (x1, y1, x2, y2) in pixels, shape (n, 4).
        boxes2 (np.ndarray): Boxes (x1, y1, x2, y2) in pixels, shape (m, 4).
        crowd (bool): Divide by the area of the box of ``boxes1`` instead of the union,
            like COCO if ``boxes2`` are crowd regions. Defaults to False.

    Returns:
        np.ndarray: IoU in [0, 1], float64, shape (n, m).

    Raises:
        ValueError: If a box contains a NaN or has x2 < x1 or y2 < y1.
    """
    boxes1 = _as_boxes(boxes1, 'boxes1')
    boxes2 = _as_boxes(boxes2, 'boxes2')
    top_left = np.maximum(boxes1[:, None, :2], boxes2[None, :, :2])
    bottom_right = np.minimum(boxes1[:, None, 2:], boxes2[None, :, 2:])
    intersection = np.clip(bottom_right - top_left, 0, None).prod(axis=2)
    area1 = (boxes1[:, 2:] - boxes1[:, :2]).prod(axis=1)
    area2 = (boxes2[:, 2:] - boxes2[:, :2]).prod(axis=1)
    union = area1[:, None] + area2[None, :] - intersection
    whole = np.broadcast_to(area1[:, None], union.shape) if crowd else union
    return np.divide(intersection, whole, out=np.zeros_like(union), where=whole > 0)


def _as_boxes(boxes: np.ndarray, name: str) -> np.ndarray:
    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    if not (boxes[:, 2:] >= boxes[:, :2]).all():
        raise ValueError(
            f'{name}: expected boxes (x1, y1, x2, y2) with x1 <= x2 and '
            'y1 <= y2 and no NaN; a box (x, y, w, h) must be converted first'
        )
    return boxes


def encode_masks(masks: np.ndarray) -> list[RLE]:
    """Binary masks as COCO run-length codes.

    Args:
        masks (np.ndarray): Masks, bool or 0/1, shape (n, h, w).

    Returns:
        list[dict]: n codes with ``size`` [h, w] and ``counts`` (bytes).
    """
    masks = np.asarray(masks)
    if masks.ndim != 3:
        raise ValueError(f'expected masks (n, h, w), got shape {masks.shape}')
    columns = np.asfortranarray(masks.transpose(1, 2, 0).astype(np.uint8))
    return mask_utils.encode(columns) if len(masks) else []


def mask_iou(
    masks1: Sequence[RLE], masks2: Sequence[RLE], crowd: bool = False
) -> np.ndarray:
    """Intersection over union of every pair of masks.

    Args:
        masks1 (Sequence[dict]): n COCO run-length codes.
        masks2 (Sequence[dict]): m COCO run-length codes.
        crowd (bool): As in :func:`box_iou`. Defaults to False.

    Returns:
        np.ndarray: IoU in [0, 1], float64, shape (n, m). A pair of empty
        masks has IoU 0.

    Raises:
        ValueError: If the masks differ in image size.
    """
    masks: list[dict] = [*masks1, *masks2]
    sizes = {tuple(rle['size']) for rle in masks}
    if len(sizes) > 1:
        raise ValueError(
            f'masks of one image have different sizes (h, w): {sorted(sizes)}'
        )
    if not len(masks1) or not len(masks2):
        return np.zeros((len(masks1), len(masks2)))
    iou = mask_utils.iou(list(masks1), list(masks2), [int(crowd)] * len(masks2))
    return np.nan_to_num(np.asarray(iou))
