"""A contact sheet of phantom exams in the radiological hanging."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mammo_plugins.io import read_json, read_mammogram
from mammo_plugins.phantom.dicom import write_bytes
from mammo_plugins.structures import LATERALITIES, VIEWS

# the upper row first; right breasts on the left, chest walls back to back
HANGING = tuple((side, view) for view in VIEWS for side in LATERALITIES)
_COLOURS = {'malignant': (70, 70, 255), 'benign': (90, 220, 90)}  # BGR
_BORDER = 6


def _tile(out: Path, record: dict[str, Any], boxes: bool) -> np.ndarray:
    pixels = read_mammogram(out / record['image']['file_name']).pixels
    tile = cv2.cvtColor(np.rint(255 * pixels).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    for lesion in record['lesions'] if boxes else []:
        x, y, w, h = map(int, lesion['bbox'])
        cv2.rectangle(
            tile,
            (x - 3, y - 3),
            (x + w + 2, y + h + 2),
            _COLOURS[lesion['pathology']],
            1,
        )
    return tile


def _sheet(out: Path, views: list[dict[str, Any]], boxes: bool) -> np.ndarray:
    """Draw two rows of two views; a missing view stays black."""
    by_place = {
        (v['image']['laterality'], v['image']['view']): v for v in reversed(views)
    }
    size = views[0]['image']['height'], views[0]['image']['width']
    tiles = [
        _tile(out, by_place[place], boxes)
        if place in by_place
        else np.zeros((*size, 3), np.uint8)
        for place in HANGING
    ]
    return np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])])


def write_preview(out: str | Path, exams: int = 3) -> Path:
    """Write ``OUT/preview.png``: exams in columns, repeated below with boxes.

    Args:
        out: Data root of a finished phantom.
        exams: Number of exams shown, those with lesions first.

    Returns:
        The picture's path. Malignant lesions are boxed in red, benign in
        green. For a contrast-enhanced exam the low-energy images are shown.
    """
    out = Path(out)
    records = [read_json(p)['views'] for p in sorted(out.glob('truth/*/exam.json'))]
    records.sort(key=lambda views: not any(v['lesions'] for v in views))
    columns = []
    for views in records[:exams]:
        pair = [_sheet(out, views, boxes) for boxes in (False, True)]
        columns.append(
            np.vstack(
                [
                    cv2.copyMakeBorder(
                        p, *[_BORDER] * 4, cv2.BORDER_CONSTANT, value=(60,) * 3
                    )
                    for p in pair
                ]
            )
        )
    done, data = cv2.imencode('.png', np.hstack(columns))
    if not done:
        raise OSError(f'{out}/preview.png: OpenCV could not encode a PNG')
    path = out / 'preview.png'
    write_bytes(path, data.tobytes())
    return path
