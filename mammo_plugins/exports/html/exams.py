"""Exams of a page: four views in hanging order, and their results."""

from collections.abc import Sequence
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
        f'<article class="card exam" id="exam-{key}"><h3>Exam {key}</h3>'
        f'{_facts(exam)}{hung}{_warnings(exam)}{_findings(exam)}</article>',
        left_out,
    )


def _facts(exam: dict[str, Any]) -> str:
    """Return the results for exam, breasts and pairs."""
    facts = [
        (title, number(exam[key], 2) if key == 'malignancy' else exam[key] or 'none')
        for key, title in _FACTS.items()
        if key in exam
    ]
    facts += [
        (f'malignancy {breast["laterality"]}', number(breast.get('malignancy'), 2))
        for breast in exam.get('breasts', ())
    ]
    facts += [
        (f'breasts differ in {pair["view"]}', number(pair.get('asymmetric'), 2))
        for pair in exam.get('pairs', ())
    ]
    facts += [
        (f'{view_name(view)} {key}', number(view[key], 2))
        for view in exam['views']
        for key in ('malignancy', 'abnormal')
        if key in view
    ]
    if not facts:
        return ''
    said = '; '.join(f'{text(title)} <strong>{text(v)}</strong>' for title, v in facts)
    return f'<p class="facts">{said}</p>'


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
            number(detection.get('malignancy')),
            detection.get('birads') or '-',
            ', '.join(f'{value:.0f}' for value in detection['bbox']),
        )
        for view, detection in found[:_ROWS]
    )
    header = ('view', 'category', 'score', 'malignancy', 'BI-RADS', 'box in the file')
    return (
        f'<details><summary>Findings as a table{more}</summary>'
        f'{table(header, rows, "x1, y1, x2, y2 in pixels of the file")}</details>'
    )
