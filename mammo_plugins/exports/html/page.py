"""A self-contained page: predictions, pictures and test results."""

import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TextIO

from mammo_plugins.io import atomic_path
from mammo_plugins.printable import kind_of
from mammo_plugins.version import __version__

from ..model_facts import model_facts
from ..prediction_file import PredictionFile
from .elements import table, text
from .exams import exam_article
from .script import SCRIPT
from .style import STYLE
from .test_results import TestResults

# the page may not load anything else
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
_PACKAGES = (
    'torch',
    'onedl-mmengine',
    'onedl-mmdetection',
    'onedl-mmpretrain',
    'numpy',
)
_FILES = 200  # files listed per reason
_CONTROLS = """<div class="controls" role="group" aria-label="What is shown">
<label for="threshold">Score from
<input type="range" id="threshold" min="0" max="1" step="0.01" value="{value:g}"></label>
<output id="threshold-value" for="threshold">{value:.2f}</output>
<label><input type="checkbox" id="boxes" checked> boxes</label>
<label><input type="checkbox" id="scores" checked> scores</label>
<label><input type="checkbox" id="other"> other breast, registered, beside</label>
<label><input type="checkbox" id="only"> only exams from this score</label>
<span class="soft" role="status"><span id="count"></span>
<span id="exams-shown"></span></span></div>
<noscript><p>Without JavaScript all boxes are shown, from any score on.</p></noscript>"""


@dataclass(frozen=True)
class PageOptions:
    """Options of a page.

    Args:
        images (Path, optional): The folder given to inference. Defaults to ``None``, no
            pictures.
        score_thr (float): Initial position of the slider. Defaults to 0.2.
        max_exams (int): Number of exams shown, from the start of the file. Defaults to
            20.
        height (int): Maximum height of pictures, in pixels. Defaults to 800.
        config (str, optional): Text of the config. Defaults to ``None``.
    """

    images: Path | None = None
    score_thr: float = 0.2
    max_exams: int = 20
    height: int = 800
    config: str | None = None


def write_page(
    path: str | Path,
    predictions: PredictionFile | None,
    results: TestResults,
    options: PageOptions = PageOptions(),
) -> tuple[int, list[tuple[str, str]]]:
    """Write a page, one exam after the other.

    Args:
        path (str | Path): The HTML file, written whole or not at all.
        predictions (PredictionFile, optional): The predictions.
        results (TestResults): Results of tests.
        options (PageOptions): Options of the page.

    Returns:
        tuple: Exams shown, and files whose pictures cannot be shown, with the reason.
    """
    left_out: list[tuple[str, str]] = []
    with (
        atomic_path(path) as temporary,
        open(temporary, 'w', encoding='utf-8', errors='backslashreplace') as file,
    ):
        file.write(
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">'
            f'<title>Mammography results</title><style>{STYLE}</style></head><body>'
            '<header><h1>Mammography results</h1>'
            '<p class="research">Research use only; not for diagnosis.</p></header><main>'
        )
        _write_results(file, results)
        shown = 0
        if predictions is not None:
            shown = _write_exams(file, predictions, options, left_out)
            _write_skipped(file, predictions)
        _write_left_out(file, [*left_out, *results.left_out])
        _write_origin(file, predictions, options)
        file.write(f'</main><footer></footer><script>{SCRIPT}</script></body></html>\n')
    return shown, left_out


def _write_results(file: TextIO, results: TestResults) -> None:
    titles = dict(
        curves=('Test results', 'no froc.json or roc.json was given'),
        calibration=('Calibration', 'no results with a calibration were given'),
        subgroups=('Subgroups', 'no results by subgroup were given'),
    )
    for key, (title, lacking) in titles.items():
        sections = results.sections[key]
        shown = (
            f'<div class="curves">{"".join(sections)}</div>'
            if sections
            else f'<p class="soft">Not shown: {lacking}.</p>'
        )
        file.write(f'<section id="{key}"><h2>{title}</h2>{shown}</section>')


def _write_exams(
    file: TextIO,
    predictions: PredictionFile,
    options: PageOptions,
    left_out: list[tuple[str, str]],
) -> int:
    file.write('<section id="exams"><h2>Exams</h2>')
    if options.images is None:
        file.write('<p class="soft">No pictures: the images were not given.</p>')
    file.write(_CONTROLS.format(value=options.score_thr))
    total = 0
    for total, exam in enumerate(predictions, 1):
        if total <= options.max_exams:
            article, missing = exam_article(exam, options.images, options.height)
            left_out += missing
            file.write(article)
    shown = min(total, options.max_exams)
    file.write(f'<p class="soft">{shown} of {total} exams are shown')
    file.write(', the first of the file.' if shown < total else '.')
    if predictions.complete is False:
        file.write(' The run is incomplete: there may be more.')
    elif predictions.complete is None:
        file.write(' The run may be incomplete: its lines do not state that it ended.')
    if predictions.unusable:
        file.write(f' {predictions.unusable} exams have no usable view.')
    if predictions.damaged:
        file.write(f' {predictions.damaged} lines that were damaged are left out.')
    file.write('</p></section>')
    return shown


def _write_skipped(file: TextIO, predictions: PredictionFile) -> None:
    entries = [(entry['file'], entry['reason']) for entry in predictions.skipped()]
    notes = ''.join(f'<li>{text(note)}</li>' for note in predictions.notes)
    file.write(
        f'<section id="skipped"><h2>Skipped files</h2>{_by_reason(entries)}'
        f'{f"<h3>Notes</h3><ul>{notes}</ul>" if notes else ""}</section>'
    )


def _write_left_out(file: TextIO, entries: Sequence[tuple[str, str]]) -> None:
    if entries:
        file.write(
            '<section id="left-out"><h2>Not shown on this page</h2>'
            f'{_by_reason(entries)}</section>'
        )


def _by_reason(entries: Iterable[tuple[str, str]]) -> str:
    """Return files by the reason for skipping them."""
    reasons: dict[str, tuple[str, list[str]]] = {}
    for name, reason in entries:
        reasons.setdefault(kind_of(reason), (reason, []))[1].append(name)
    if not reasons:
        return '<p class="soft">None.</p>'
    parts = []
    for reason, names in reasons.values():
        more = f' and {len(names) - _FILES} more' if len(names) > _FILES else ''
        listed = ', '.join(map(text, names[:_FILES]))
        parts.append(
            f'<details><summary>{text(reason)}: {len(names)}</summary>'
            f'<p>{listed}{more}</p></details>'
        )
    return ''.join(parts)


def _write_origin(
    file: TextIO, predictions: PredictionFile | None, options: PageOptions
) -> None:
    rows = []
    if predictions is not None:
        info = predictions.info
        rows = [*model_facts(info, 'run', 'index', 'part', 'complete').items()]
        rows.append(
            ('mammo_plugins of the predictions', info.get('version', 'unknown'))
        )
    rows.append(('mammo_plugins of this page', __version__))
    rows.append(('Python', platform.python_version()))
    for package in _PACKAGES:
        try:
            rows.append((package, version(package)))
        except PackageNotFoundError:
            continue
    config = (
        f'<details><summary>Configuration</summary><pre>{_lines(options.config)}</pre>'
        '</details>'
        if options.config
        else '<p class="soft">The text of the configuration was not given.</p>'
    )
    file.write(
        '<section id="origin"><h2>Configuration and versions</h2><div class="card">'
        f'{table(("what", "value"), rows, "What made this page")}{config}</div></section>'
    )


def _lines(value: str) -> str:
    return '\n'.join(map(text, value.splitlines()))
