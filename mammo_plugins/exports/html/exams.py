"""Exams of a page: four views in hanging order, and their results."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mammo_plugins.io import MammogramError
from mammo_plugins.visualization.four_view import HANGING

from ..prediction_file import ExportError, view_name
from .elements import number, table, text
from .pictures import Picture, other_of

_ROWS = 20  # rows in an exam's table of findings
_FACTS = {
    'malignancy': 'malignancy',
    'affected_side': 'affected side',
    'examined_side': 'examined side',
}


def exam_article(
    exam: dict[str, Any], images: Path | None, height: int
) -> tuple[str, list[tuple[str, str]]]:
    """Return an exam as HTML.

    Args:
        exam (dict): Its entry in the predictions.
        images (Path, optional): The folder given to inference; without it there are no
            pictures.
        height (int): Maximum height of pictures, in pixels.

    Returns:
        tuple: The article, and files whose pictures cannot be shown, with the reason.
    """
    pictures, left_out = [], []
    for view in exam['views'] if images is not None else ():
        try:
            pictures.append(Picture.read(view, images, height))
        except ExportError as error:
            left_out.append((view['file'], str(error)))
        except MammogramError as error:
            left_out.append((view['file'], error.reason))
    modalities = list(dict.fromkeys(p.view.get('modality') for p in pictures))
    hung = ''.join(
        _hung([p for p in pictures if p.view.get('modality') == modality])
        for modality in modalities
    )
    key = text(exam['exam_id'])
    return (
        f'<article class="card exam" id="exam-{key}"{_score(exam)}><h3>Exam {key}</h3>'
        f'{_facts(exam)}{hung}{_warnings(exam)}{_findings(exam)}</article>',
        left_out,
    )


def _facts(exam: dict[str, Any]) -> str:
    """Return the results for exam, breasts and pairs."""
    facts = [*_recall(exam.get('recall') or {})]
    facts += [
        (title, _probability(exam, key) if key == 'malignancy' else exam[key] or 'none')
        for key, title in _FACTS.items()
        if key in exam
    ]
    facts += [
        (f'malignancy {breast["laterality"]}', _probability(breast, 'malignancy'))
        for breast in exam.get('breasts', ())
    ]
    facts += [
        (f'breasts differ in {pair["view"]}', _probability(pair, 'asymmetric'))
        for pair in exam.get('pairs', ())
    ]
    facts += [
        (f'{view_name(view)} {key}', _probability(view, key))
        for view in exam['views']
        for key in ('malignancy', 'abnormal')
        if key in view
    ]
    if not facts:
        return ''
    said = '; '.join(f'{text(title)} <strong>{text(v)}</strong>' for title, v in facts)
    return f'<p class="facts">{said}</p>'


def _recall(recall: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the decision on an exam, with its score and the threshold."""
    if not recall:
        return
    decision = {True: 'yes', False: 'no'}.get(recall.get('recalled'), 'not judged')
    score, threshold = recall.get('exam_score'), recall.get('threshold')
    yield (
        'recalled',
        f'{decision} (score {number(score)}, threshold {number(threshold)})',
    )


def _probability(entry: dict[str, Any], key: str) -> str:
    """Return a score, and its calibrated probability if there is one."""
    calibrated = entry.get(f'{key}_calibrated')
    more = '' if calibrated is None else f' (calibrated {number(calibrated, 2)})'
    return number(entry.get(key), 2) + more


def _score(exam: dict[str, Any]) -> str:
    """Return the attribute with the exam's score, which the slider acts on.

    It is the highest score of its boxes; for classifiers that of the exam, its breasts,
    pairs or views, whichever of these exists first.
    """
    views = exam['views']
    if any('detections' in view for view in views):
        found = [d['score'] for view in views for d in view.get('detections', ())]
        return f' data-score="{max(found, default=0):.6f}"'
    for entries, key in (
        ([exam], 'malignancy'),
        (exam.get('breasts', ()), 'malignancy'),
        (exam.get('pairs', ()), 'asymmetric'),
        (views, 'abnormal'),
        (views, 'malignancy'),
    ):
        scores = [each[key] for each in entries if each.get(key) is not None]
        if scores:
            return f' data-score="{max(scores):.6f}"'
    return ''


def _hung(pictures: Sequence[Picture]) -> str:
    """Return the views of one modality, RCC and LCC above RMLO and LMLO."""
    height = max(picture.frame.shape[0] for picture in pictures)
    width = max(picture.frame.shape[1] for picture in pictures)
    by_name = {p.view['laterality'] + p.view['view']: p for p in pictures}
    figures = []
    for name in (name for row in HANGING for name in row):
        side = 'right' if name.startswith('R') else 'left'
        picture = by_name.get(name)
        if picture is None:
            figures.append(
                f'<figure class="{side}"><figcaption>{name}</figcaption>'
                '<div class="absent">not available</div></figure>'
            )
            continue
        boxes = picture.overlay(width, height)
        title = view_name(picture.view)
        found = picture.view.get('detections') or picture.view.get('masses') or ()
        own = picture.svg(
            picture.pixels, width, height, f'{title}, {len(found)} findings', boxes
        )
        other = other_of(picture, pictures)
        beside = '<div class="lone">no other breast</div>'
        if other is not None:
            laid = picture.svg(
                picture.registered(other),
                width,
                height,
                f'{view_name(other.view)} laid over {title}',
                boxes,
            )
            beside = laid.replace('<svg ', '<svg class="other" ', 1)
        figures.append(
            f'<figure class="{side}"><figcaption>{text(title)}</figcaption>'
            f'<div class="pictures">{own}{beside}</div></figure>'
        )
    return f'<div class="hang">{"".join(figures)}</div>'


def _warnings(exam: dict[str, Any]) -> str:
    said = [*map(text, exam.get('warnings', ()))]
    said += [
        f'{text(view_name(view))}: {text(warning)}'
        for view in exam['views']
        for warning in view.get('warnings', ())
    ]
    if not said:
        return ''
    return (
        '<ul class="warning">' + ''.join(f'<li>{each}</li>' for each in said) + '</ul>'
    )


def _findings(exam: dict[str, Any]) -> str:
    """Return a table of the detections, highest scores first."""
    found = [(v, d) for v in exam['views'] for d in v.get('detections', ())]
    if not found:
        return ''
    found.sort(key=lambda pair: -pair[1]['score'])
    more = f', {_ROWS} of {len(found)}' if len(found) > _ROWS else ''
    rows = (
        (
            view_name(view),
            detection['category'],
            number(detection['score']),
            _calibrated(detection, 'score'),
            number(detection.get('malignancy')),
            _calibrated(detection, 'malignancy'),
            detection.get('birads') or '-',
            ', '.join(f'{value:.0f}' for value in detection['bbox']),
        )
        for view, detection in found[:_ROWS]
    )
    header = (
        'view',
        'category',
        'score',
        'score, calibrated',
        'malignancy',
        'malignancy, calibrated',
        'BI-RADS',
        'box in the file',
    )
    return (
        f'<details><summary>Findings as a table{more}</summary>'
        f'{table(header, rows, "x1, y1, x2, y2 in pixels of the file")}</details>'
    )


def _calibrated(detection: dict[str, Any], key: str) -> str:
    """Return a calibrated probability, '' without one: empty columns are omitted."""
    value = detection.get(f'{key}_calibrated')
    return '' if value is None else number(value)
