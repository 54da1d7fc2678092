"""The summary of a converted data set."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mammo_plugins.io import atomic_path, write_json
from mammo_plugins.printable import csv_cell, markdown, one_line

from .base import Converter
from .records import Catalogue

_UNKNOWN = 'unknown'


def _counts(values: Iterable[str | None]) -> dict[str, int]:
    counts = Counter(_UNKNOWN if value is None else str(value) for value in values)
    return dict(sorted(counts.items(), key=lambda item: (item[0] == _UNKNOWN, item[0])))


def count_part(data: dict[str, Any]) -> dict[str, Any]:
    """Count the entries of a COCO-exam JSON.

    Args:
        data (dict): The JSON.

    Returns:
        dict: ``patients``, ``exams``, ``breasts``, ``views``, ``views without a
        lesion`` and ``lesion outlines`` as numbers; the others as numbers by value.
        ``lesions`` counts a lesion once for all its views, by ``lesion_id``, where that
        is known.
    """
    images, annotations = data['images'], data['annotations']
    names = {c['id']: c['name'] for c in data['categories']}
    exam_of = {image['id']: image['exam_id'] for image in images}
    marked = {annotation['image_id'] for annotation in annotations}
    lesions = {}
    for annotation in annotations:
        key = (
            exam_of[annotation['image_id']],
            annotation['lesion_id'],
            annotation['category_id'],
            annotation['id'] if annotation['lesion_id'] is None else None,
        )
        lesions[key] = annotation
    breasts: dict[tuple, dict] = {}
    for image in images:
        breasts.setdefault((image['exam_id'], image['laterality']), image)
    return {
        'patients': len({image['patient_id'] for image in images}),
        'exams': len({image['exam_id'] for image in images}),
        'breasts': len(breasts),
        'views': len(images),
        'views without a lesion': len(images) - len(marked),
        'lesion outlines': len(annotations),
        'views by name': _counts(
            image['laterality'] + image['view'] for image in images
        ),
        'views by modality': _counts(image['modality'] for image in images),
        'views by BI-RADS': _counts(image['birads'] for image in images),
        'views by pathology': _counts(image.get('pathology') for image in images),
        'views by density': _counts(image['density'] for image in images),
        'outlines by kind': _counts(names[a['category_id']] for a in annotations),
        'lesions by kind': _counts(names[a['category_id']] for a in lesions.values()),
        'lesions by BI-RADS': _counts(a['birads'] for a in lesions.values()),
        'lesions by pathology': _counts(a['pathology'] for a in lesions.values()),
    }


def write_summary(
    out: Path, converter: Converter, files: dict[str, dict], catalogue: Catalogue
) -> dict[str, Any]:
    """Write ``summary.json``, ``summary.md`` and ``skipped.csv``.

    Args:
        out (Path): The data root.
        converter (Converter): The data set's converter.
        files (dict[str, dict]): The COCO-exam JSON of each part.
        catalogue (Catalogue): Everything found and left out.

    Returns:
        dict: ``dataset``, ``parts`` (:func:`count_part` of each), ``skipped``
        (number by reason), ``first_skipped`` (item and detail by reason) and
        ``notes``.
    """
    summary = dict(
        dataset=converter.name,
        parts={part: count_part(data) for part, data in files.items()},
        skipped=_counts(skip.reason for skip in catalogue.skipped),
        first_skipped={
            skip.reason: skip.item + (skip.detail and f': {skip.detail}')
            for skip in reversed(catalogue.skipped)
        },
        notes=catalogue.notes,
    )
    write_json(out / 'summary.json', summary)
    with atomic_path(out / 'summary.md') as path:
        path.write_text(
            render(summary, markdown), encoding='utf-8', errors='backslashreplace'
        )
    with atomic_path(out / 'skipped.csv') as path:
        with open(
            path, 'w', encoding='utf-8', errors='backslashreplace', newline=''
        ) as file:
            writer = csv.writer(file)
            writer.writerow(('item', 'reason', 'detail'))
            writer.writerows(
                map(csv_cell, (skip.item, skip.reason, skip.detail))
                for skip in catalogue.skipped
            )
    return summary


def render(summary: dict[str, Any], escape: Callable[[Any], str] = one_line) -> str:
    """Return the summary as Markdown.

    Args:
        summary (dict): The result of :func:`write_summary`.
        escape (callable): Makes names of files, cells and categories harmless where the
            summary is shown. Defaults to escaping for a terminal.
    """
    parts = list(map(escape, summary['parts']))
    lines = [f'# {escape(summary["dataset"])}', '']
    if parts:
        lines += [f'| | {" | ".join(parts)} |', f'|---|{"---:|" * len(parts)}']
        lines += [
            f'| {" | ".join(map(escape, row))} |'
            for row in _rows(list(summary['parts'].values()))
        ]
    else:
        lines.append('Nothing was converted.')
    if summary['skipped']:
        lines += [
            '',
            'Skipped or corrected, with the first of each kind (skipped.csv '
            'lists all):',
            '',
        ]
        lines += [
            f'- {count} x {escape(reason)}; {escape(summary["first_skipped"][reason])}'
            for reason, count in summary['skipped'].items()
        ]
    if summary['notes']:
        lines += ['', *(f'- {escape(note)}' for note in summary['notes'])]
    return '\n'.join(lines) + '\n'


def _rows(parts: list[dict[str, Any]]) -> Iterable[list[str]]:
    for name, first in parts[0].items():
        if not isinstance(first, dict):
            yield [name, *(str(part[name]) for part in parts)]
            continue
        values = dict.fromkeys(v for part in parts for v in part[name])
        if set(values) <= {_UNKNOWN}:
            continue
        for value in values:
            yield [
                f'{name}: {value}',
                *(str(part[name].get(value, 0)) for part in parts),
            ]
