"""Outlines of lesions, from the forms of the raw data sets to COCO's."""
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

import cv2
import numpy as np
import pycocotools.mask as coco_mask

from mammo_plugins.io import MammogramError, read_mammogram

from .records import RawLesion

Outline = Dict[str, Any]
ReadMask = Callable[[Path, int, int], np.ndarray]


def read_mask(path: Path, height: int, width: int) -> np.ndarray:
    """Read a mask and bring it to the size of its image.

    Args:
        path (Path): A DICOM or a picture; what is brighter than half its range is
            the lesion.
        height (int), width (int): Of the image. A mask of another size covers the
            same field of view and is stretched.

    Returns:
        np.ndarray: (height, width) uint8, 0 or 1.

    Raises:
        MammogramError: If it cannot be read.
    """
    pixels = read_mammogram(path).pixels
    mask = (pixels > (pixels.min() + pixels.max()) / 2).astype(np.uint8)
    if mask.shape != (height, width):
        mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    return mask


def resolve_outline(lesion: RawLesion, raw: Path, height: int, width: int,
                    read: ReadMask = read_mask) -> Tuple[Optional[Outline], str]:
    """Make COCO's ``bbox``, ``area`` and ``segmentation`` of a lesion.

    Args:
        lesion (RawLesion): The lesion.
        raw (Path): The raw folder, where masks lie.
        height (int), width (int): Of the image; what reaches outside is cut off.
        read (callable): As :func:`read_mask`.

    Returns:
        tuple: (outline, ''), or (None, 'reason: detail') when nothing is left.
    """
    if lesion.mask_file is not None:
        try:
            mask = read(raw / lesion.mask_file, height, width)
        except MammogramError as error:
            if lesion.box is None and not lesion.polygons:
                return None, f'unusable mask: {lesion.mask_file}: {error.reason}'
        else:
            if mask.any():
                return _of_rle(coco_mask.encode(np.asfortranarray(mask))), ''
            if lesion.box is None and not lesion.polygons:
                return None, f'empty mask: {lesion.mask_file}'
    if lesion.polygons:
        return _of_polygons(lesion, height, width)
    if lesion.box is None:
        return None, 'lesion without an outline'
    x1, y1, x2, y2 = _clip(np.reshape(lesion.box, (2, 2)), height, width).ravel()
    if x2 <= x1 or y2 <= y1:
        return None, 'outline without area in the image'
    return _outline((x1, y1, x2 - x1, y2 - y1), (x2 - x1) * (y2 - y1), []), ''


def _clip(points: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.clip(points, 0, (width, height))


def _of_polygons(lesion: RawLesion, height: int,
                 width: int) -> Tuple[Optional[Outline], str]:
    parts = [_clip(np.array(polygon, float), height, width)
             for polygon in lesion.polygons if len(polygon) >= 3]
    parts = [part for part in parts if np.ptp(part, axis=0).min() > 0]
    if not parts:
        return None, 'outline without area in the image'
    polygons = [part.ravel().tolist() for part in parts]
    low = np.min([part.min(axis=0) for part in parts], axis=0)
    high = np.max([part.max(axis=0) for part in parts], axis=0)
    merged = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    return _outline((*low, *(high - low)), float(coco_mask.area(merged)),
                    polygons), ''


def _of_rle(rle: dict) -> Outline:
    return _outline(coco_mask.toBbox(rle), float(coco_mask.area(rle)),
                    dict(size=list(rle['size']), counts=rle['counts'].decode()))


def _outline(bbox, area: float, segmentation: Any) -> Outline:
    return dict(bbox=[float(value) for value in bbox], area=float(area),
                segmentation=segmentation)
