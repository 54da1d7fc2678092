"""Predictions as a table."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mammo_plugins.io import atomic_path
from mammo_plugins.printable import csv_cell

from .prediction_file import PredictionFile

_RECALL = ('exam_score', 'threshold', 'recalled')
_SCORES = ('score', 'score_calibrated')
_JUDGED = (
    'malignancy',
    'malignancy_calibrated',
    'birads_score',
    'birads',
    'abnormal',
    'abnormal_calibrated',
    'asymmetric',
    'asymmetric_calibrated',
    'affected_side',
    'examined_side',
)
COLUMNS = (
    'level',
    'exam_id',
    'file',
    'laterality',
    'view',
    'modality',
    'finding',
    'findings',
    'category',
    *_SCORES,
    'x1',
    'y1',
    'x2',
    'y2',
    'x1_mm',
    'y1_mm',
    'x2_mm',
    'y2_mm',
    *_JUDGED,
    *_RECALL,
)
_SAID = ('category', *_SCORES, *_JUDGED)


def rows(exams: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table.

    Args:
        exams (Iterable[dict]): Entries of the predictions.

    Yields:
        dict: Known values by names of :data:`COLUMNS`. ``level`` is the kind of row:
            'exam', 'breast', 'pair', 'view' or 'finding'. Every view has a row with the
            number of its findings, so views without findings also count.
    """
    for exam in exams:
        names = dict(exam_id=exam['exam_id'])
        recall = exam.get('recall') or {}
        if 'malignancy' in exam or recall:
            decision = {key: recall.get(key) for key in _RECALL if recall}
            yield dict(names, level='exam', **_said(exam), **decision)
        for breast in exam.get('breasts', ()):
            yield dict(
                names, level='breast', laterality=breast['laterality'], **_said(breast)
            )
        for pair in exam.get('pairs', ()):
            yield dict(names, level='pair', view=pair['view'], **_said(pair))
        for view in exam.get('views', ()):
            names.update(
                {
                    key: view.get(key)
                    for key in ('file', 'laterality', 'view', 'modality')
                }
            )
            found = [*view.get('detections', ()), *view.get('masses', ())]
            looked = 'detections' in view or 'masses' in view
            yield dict(
                names,
                level='view',
                findings=len(found) if looked else None,
                **_said(view),
            )
            for number, finding in enumerate(found, 1):
                yield dict(
                    names, level='finding', finding=number, **_place(finding)
                ) | _said(finding)


def _said(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in _SAID if key in entry}


def _place(finding: dict[str, Any]) -> dict[str, float]:
    corners = dict(zip(('x1', 'y1', 'x2', 'y2'), finding['bbox']))
    in_mm = finding.get('bbox_mm') or ()
    return corners | dict(zip(('x1_mm', 'y1_mm', 'x2_mm', 'y2_mm'), in_mm))


def write_csv(predictions: PredictionFile, path: str | Path) -> Counter:
    """Write predictions as a table, in UTF-8.

    Args:
        predictions (PredictionFile): The predictions to write.
        path (str | Path): The file, written whole or not at all.

    Returns:
        Counter: Rows by level.
    """
    counts: Counter = Counter()
    with (
        atomic_path(path) as temporary,
        open(temporary, 'w', encoding='utf-8', newline='') as file,
    ):
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in rows(predictions):
            counts[row['level']] += 1
            writer.writerow({key: csv_cell(value) for key, value in row.items()})
    return counts
