"""Predictions as inference writes them, of exams in files."""

import json
from pathlib import Path

import cv2
import numpy as np

from mammo_plugins.io import JsonLines
from mammo_plugins.structures.exam_files import find_exams

INFO = dict(
    format='mammo_plugins predictions',
    version='1.0',
    research_use_only=True,
    config='detector.py',
    checkpoint='epoch_1.pth',
    run='0123456789abcdef',
)


def outlines_of(region):
    """As NaFV-Net's: parts of a region with box and outline."""
    parts, _ = cv2.findContours(
        region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    return [
        dict(bbox=[x, y, x + w, y + h], outline=(part[:, 0] + 0.5).tolist())
        for part in parts
        for x, y, w, h in [cv2.boundingRect(part)]
    ]


def detections_of(view, rng):
    """Three boxes inside of an image, one of them of a score below the usual least."""
    boxes = []
    for score in (0.93, 0.41, 0.05):
        corner = rng.uniform(0, 0.6, 2) * [view.width, view.height]
        box = np.round([*corner, *(corner + rng.uniform(4, 20, 2))], 2).tolist()
        boxes.append(
            dict(
                category='mass',
                score=score,
                bbox=box,
                bbox_mm=None,
                malignancy=round(float(rng.random()), 6),
                birads_score=0.6111,
                birads='4B',
            )
        )
    return boxes


def predictions_of(root, said=detections_of, seed=0):
    """Return what predictions.json would hold of the exams in a folder.

    Args:
        root (Path): The folder.
        said (callable): Gets a view and a generator, returns its detections.
    """
    rng = np.random.default_rng(seed)
    exams = []
    found = find_exams(root)
    for key, views in found.exams.items():
        entries = [
            dict(
                file=view.path.relative_to(root).as_posix(),
                laterality=view.laterality,
                view=view.view,
                modality=view.modality,
                image_kind=view.kind,
                width=view.width,
                height=view.height,
                pixel_spacing_mm=view.pixel_spacing_mm and list(view.pixel_spacing_mm),
                warnings=[],
                detections=said(view, rng),
                outside_breast=0,
            )
            for view in views.values()
        ]
        exams.append(dict(exam_id=key, warnings=[], views=entries))
    return dict(
        info=dict(INFO, complete=True),
        notes=['a note of the folder'],
        exams=exams,
        skipped=[dict(file='notes.txt', reason='neither DICOM nor a picture')],
    )


def write_predictions(folder, content):
    """Write predictions.json; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = Path(folder) / 'predictions.json'
    path.write_text(json.dumps(content))
    return path


def write_lines(path, content, run=INFO['run']):
    """Write predictions.jsonl."""
    lines = JsonLines(path)
    lines.append(dict(info={**INFO, 'run': run}))
    for exam in content['exams']:
        lines.append(
            dict(run=run, exam_id=exam['exam_id'], made_of='', exam=exam, skipped=[])
        )
    lines.close()
    return path
