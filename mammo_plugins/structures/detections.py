"""Detections on a data set's images, stored in a file between two stages.

One JSON object::

    {"info": {...},
     "images": [{"img_id": 7,
                 "detections": [{"bbox": [x1, y1, x2, y2], "score": 0.93}, ...]}]}

``img_id`` is the image's ``id`` in the annotation file, boxes are in the pixels of the
image file. An image without detections is listed with an empty list, which
distinguishes a detector that found nothing from a file for other images.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mammo_plugins.io import JsonError, read_json, write_json

from .coco_exam import AnnotationError
from .fields import is_coordinates, is_id, is_number, shown

Detections = tuple[np.ndarray, np.ndarray]
"""Boxes (n, 4) as (x1, y1, x2, y2) and scores (n, ), highest score first."""


def write_detections(
    path: str | Path,
    detections: Mapping[int, Detections],
    info: dict[str, Any] | None = None,
) -> None:
    """Write detections, atomically. Boxes without area are left out.

    Args:
        path (str | Path): The JSON file.
        detections (Mapping[int, Detections]): For each image id, boxes (n, 4) in pixels
            of the image file and scores (n, ).
        info (dict, optional): Their origin, JSON-serializable.

    Raises:
        ValueError: If a number is not finite.
    """
    images = []
    for img_id, (boxes, scores) in sorted(detections.items()):
        boxes = np.asarray(boxes, float).reshape(-1, 4)
        scores = np.asarray(scores, float)
        order = np.argsort(-scores, kind='stable')
        order = order[(boxes[order, 2:] > boxes[order, :2]).all(axis=1)]
        images.append(
            {
                'img_id': int(img_id),
                'detections': [
                    {'bbox': boxes[i].tolist(), 'score': float(scores[i])}
                    for i in order
                ],
            }
        )
    write_json(path, {'info': info or {}, 'images': images})


def read_detections(path: str | Path) -> dict[int, Detections]:
    """Read a file written by :func:`write_detections`.

    Args:
        path (str | Path): The JSON file.

    Returns:
        dict[int, Detections]: For each image id, boxes (n, 4) and scores (n, ),
        float64, highest score first.

    Raises:
        FileNotFoundError: If there is no such file.
        AnnotationError: If it is not such a file; the message names file and field.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such detection file; write one by a test of the detector with '
            'DetectionFileHook, or set detection_file=None and gold=True to use '
            'annotated lesions alone'
        )
    try:
        data = read_json(path)
    except JsonError as error:
        raise AnnotationError(str(error)) from None
    images = data.get('images') if isinstance(data, dict) else None
    if not isinstance(images, list):
        raise AnnotationError(
            f'{path}: images: expected a list; this is not a detection file'
        )
    found: dict[int, Detections] = {}
    for i, image in enumerate(images):
        where = f'{path}: images[{i}]'
        if not isinstance(image, dict) or not is_id(image.get('img_id')):
            raise AnnotationError(
                f'{where}.img_id: expected an integer, the id of '
                'an image of the annotation file'
            )
        if image['img_id'] in found:
            raise AnnotationError(
                f'{where}.img_id: {image["img_id"]} occurs more than once'
            )
        found[image['img_id']] = _parse(image.get('detections'), f'{where}.detections')
    return found


def _parse(detections: Any, where: str) -> Detections:
    if not isinstance(detections, list):
        raise AnnotationError(f'{where}: expected a list, empty if nothing was found')
    boxes: list[list[float]] = []
    scores: list[float] = []
    for i, detection in enumerate(detections):
        fields = detection if isinstance(detection, dict) else {}
        bbox: Any = fields.get('bbox')
        score: Any = fields.get('score')
        if not (is_coordinates(4)(bbox) and bbox[0] < bbox[2] and bbox[1] < bbox[3]):
            raise AnnotationError(
                f'{where}[{i}].bbox: {shown(bbox)}; expected [x1, y1, x2, y2] in pixels '
                'of the image file, with x1 < x2 and y1 < y2'
            )
        if not is_number(score):
            raise AnnotationError(
                f'{where}[{i}].score: {shown(score)}; expected a number'
            )
        boxes.append(bbox)
        scores.append(score)
    order = np.argsort(-np.array(scores, float), kind='stable')
    return (
        np.array(boxes, float).reshape(-1, 4)[order],
        np.array(scores, float)[order],
    )
