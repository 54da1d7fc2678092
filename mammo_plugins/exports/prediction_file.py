"""Reading predictions of inference, and finding their image files."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from mammo_plugins.io import JsonLines, StreamedJson
from mammo_plugins.printable import one_line
from mammo_plugins.structures import LATERALITIES
from mammo_plugins.structures.fields import is_number

_FORMAT = 'mammo_plugins predictions'
_NAMES = ('predictions.json', 'predictions.jsonl')


class ExportError(ValueError):
    """Results that cannot be converted; the message is for users."""


class PredictionFile:
    """Output of inference: ``predictions.json``, or the lines of ``predictions.jsonl``.

    Exams are read one at a time, each time they are requested, so large archives need
    little memory. If a folder contains both files, the lines are used if they are
    newer: a run ends by joining its lines.

    Args:
        path (str | Path): The file, or its folder.

    Attributes:
        path (Path): The file.
        info (dict): Description of the run.
        complete (bool, optional): Whether it contains every exam of the run; ``None``
            if lines do not state it.
        notes (list[str]): Notes on all files; empty for lines.
        damaged (int): Number of skipped lines, incomplete or of another run.
        unusable (int): Number of exams without a usable view, which have a line only.

    Raises:
        FileNotFoundError: If the file does not exist.
        JsonError: If it is not JSON.
        ExportError: If it has other content.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = _found(Path(path))
        self.notes: list[str] = []
        self.damaged = self.unusable = 0
        self._whole: StreamedJson | None = None
        if self.path.suffix == '.jsonl':
            self._last = self._last_lines()
            self.complete = self.info.get('complete')
            return
        self._whole = StreamedJson(self.path, 'exams')
        whole = self._whole.rest
        info = whole.get('info') if isinstance(whole, dict) else None
        if not isinstance(info, dict) or info.get('format') != _FORMAT:
            raise ExportError(
                f'{one_line(self.path)}: info.format is not {_FORMAT!r}: it was not '
                'written by mammo infer'
            )
        wrong = [
            key
            for key in ('exams', 'skipped', 'notes')
            if not isinstance(whole.get(key, []), list)
        ]
        if wrong:
            raise ExportError(f'{one_line(self.path)}: {wrong[0]}: expected a list')
        self.info, self.complete = info, info.get('complete', True)
        self.notes = [str(note) for note in whole.get('notes', [])]

    def _last_lines(self) -> dict[str, int]:
        """Return the number of each exam's valid line, the later if there are two."""
        lines, last = JsonLines(self.path), {}
        info, strange = None, 0
        unusable = set()
        for number, line in enumerate(lines):
            if line.keys() == {'info'} and isinstance(line['info'], dict):
                info = line['info']
            elif info is not None and self._is_of(line, info):
                last[line['exam_id']] = number
                change = unusable.add if line['exam'] is None else unusable.discard
                change(line['exam_id'])
            else:
                strange += 1
        if info is None or info.get('format') != _FORMAT:
            raise ExportError(
                f'{one_line(self.path)}: no line identifies its run: it was not '
                'written by mammo infer, or its first line is damaged'
            )
        self.info, self.damaged = info, lines.damaged + strange
        self.unusable = len(unusable)
        return last

    @staticmethod
    def _is_of(line: dict, info: dict) -> bool:
        return (
            _is_text(line.get('exam_id'))
            and 'exam' in line
            and line.get('run') == info.get('run')
        )

    def _lines(self) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(JsonLines(self.path)):
            if self._last.get(line.get('exam_id')) == number:
                yield line

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the entries of exams.

        Raises:
            ExportError: If one is not in the format of inference.
        """
        exams = (
            (line['exam'] for line in self._lines() if line['exam'] is not None)
            if self._whole is None
            else iter(self._whole)
        )
        for place, exam in enumerate(exams):
            reason = _wrong(exam)
            if reason:
                raise ExportError(
                    f'{one_line(self.path)}: exams[{place}].{reason}; it was changed or '
                    'is of another version: run mammo infer again'
                )
            yield exam

    def skipped(self) -> Iterator[dict[str, str]]:
        """Yield the entries, ``file`` and ``reason``, of unused files.

        Lines only list those of exams; files without an exam are in
        ``predictions.json``.
        """
        lists = (
            (line.get('skipped', []) for line in self._lines())
            if self._whole is None
            else [self._whole.rest.get('skipped', [])]
        )
        for entries in lists:
            for place, entry in enumerate(
                entries if isinstance(entries, list) else [0]
            ):
                for field in ('file', 'reason'):
                    if not isinstance(entry, dict) or not _is_text(entry.get(field)):
                        raise ExportError(
                            f'{one_line(self.path)}: skipped[{place}].{field}: expected '
                            'a text; it was changed or is of another version: run mammo '
                            'infer again'
                        )
                yield entry


def _found(path: Path) -> Path:
    """Return the file of a folder, or the file itself."""
    if not path.is_dir():
        if not path.exists():
            raise FileNotFoundError(
                f'{one_line(path)}: no such file; mammo infer writes predictions.json'
            )
        return path
    joined, lines = (path / name for name in _NAMES)
    if joined.is_file() and lines.is_file():
        return lines if _lines_are_newer(lines, joined) else joined
    for each in (joined, lines):
        if each.is_file():
            return each
    raise FileNotFoundError(
        f'{one_line(path)}: contains neither {" nor ".join(_NAMES)}; mammo infer writes '
        'them'
    )


def _lines_are_newer(lines: Path, joined: Path) -> bool:
    # a run ends by joining its lines
    return os.stat(lines).st_mtime_ns > os.stat(joined).st_mtime_ns


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_name(value: Any) -> bool:
    # it becomes part of file names
    return _is_text(value) and value.replace('-', '').isalnum()


def _is_share(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 1


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(is_number, value))


def _is_outline(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(point, list) and len(point) == 2 and all(map(is_number, point))
            for point in value
        )
    )


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and value > 0


def _or_null(sound: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or sound(value)


_VIEW: dict[str, Callable[[Any], bool]] = dict(
    file=_is_text,
    laterality=lambda value: value in LATERALITIES,
    view=_is_name,
    modality=lambda value: value is None or _is_name(value),
    width=_is_size,
    height=_is_size,
)
_SAID: dict[str, Callable[[Any], bool]] = dict(
    malignancy=_is_share,
    abnormal=_is_share,
    asymmetric=_or_null(_is_share),
    score_calibrated=_is_share,
    malignancy_calibrated=_is_share,
    abnormal_calibrated=_is_share,
    asymmetric_calibrated=_is_share,
)
_RECALL: dict[str, Callable[[Any], bool]] = dict(
    exam_score=_or_null(_is_share),
    threshold=_is_share,
    recalled=_or_null(lambda value: isinstance(value, bool)),
)
_DETECTION: dict[str, Callable[[Any], bool]] = dict(
    category=_is_text, score=_is_share, bbox=_is_box
)
_MASS: dict[str, Callable[[Any], bool]] = dict(bbox=_is_box, outline=_is_outline)


def _wrong(exam: Any) -> str | None:
    """Return the field of an exam's entry that is not in the expected format."""
    if not isinstance(exam, dict) or not _is_text(exam.get('exam_id')):
        return 'exam_id: expected a text'
    if not _is_name(exam['exam_id']):
        return 'exam_id: expected letters and digits'
    if 'views' not in exam:
        return 'views: expected a list'
    parts = [('', exam, {})]
    for key, needed in (
        ('views', _VIEW),
        ('breasts', dict(laterality=_VIEW['laterality'])),
        ('pairs', dict(view=_is_name)),
    ):
        parts += _listed(exam, key, needed)
    if 'recall' in exam:
        parts.append(('recall.', exam['recall'], _RECALL))
    for name, view, _ in list(parts):
        if name.startswith('views['):
            for key, needed in (('detections', _DETECTION), ('masses', _MASS)):
                parts += [
                    (f'{name}{inner}', each, fields)
                    for inner, each, fields in _listed(view, key, needed)
                ]
    for name, part, needed in parts:
        if not isinstance(part, dict):
            return f'{name.rstrip(".")}: expected an object'
        for key, sound in needed.items():
            if not sound(part.get(key)):
                return f'{name}{key}: {one_line(repr(part.get(key)))[:60]} is not in the expected format'
        for key, sound in _SAID.items():
            if key in part and not sound(part[key]):
                return f'{name}{key}: expected a number from 0 to 1'
    return None


def _listed(
    entry: Any, key: str, needed: dict[str, Callable[[Any], bool]]
) -> list[tuple[str, Any, dict[str, Callable[[Any], bool]]]]:
    values = entry.get(key, []) if isinstance(entry, dict) else []
    if not isinstance(values, Sequence) or isinstance(values, str):
        return [(f'{key}.', None, {})]
    return [(f'{key}[{i}].', value, needed) for i, value in enumerate(values)]


def view_name(view: dict[str, Any]) -> str:
    """Return the name of a view within its exam: 'LCC', 'LCC CEM-RC'.

    Args:
        view (dict): Its entry in the predictions.
    """
    modality = view.get('modality') or 'FFDM'
    name = f'{view["laterality"]}{view["view"]}'
    return name if modality == 'FFDM' else f'{name} {modality}'


def image_of(view: dict[str, Any], root: str | Path) -> Path:
    """Return the image file of a view's entry.

    Args:
        view (dict): Its entry in the predictions.
        root (str | Path): The PATH given to inference; if there were several, their
            common folder.

    Raises:
        ExportError: If it is missing, or its name leads out of the folder.
    """
    name = PurePosixPath(view['file'])
    if name.is_absolute() or '..' in name.parts:
        raise ExportError('its name leads out of the folder of --images')
    path = Path(root) / name
    if not path.is_file():
        raise ExportError(
            'there is no such file below --images; give the folder that mammo infer was '
            'given, of several the one that they have in common'
        )
    return path
