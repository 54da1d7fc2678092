"""An index of exams: what a search of an archive has found, one line an exam."""

import hashlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mammo_plugins.io import JsonError, JsonLines
from mammo_plugins.io.reading_warnings import ReadingWarning

from .exam_files import FoundExams, FoundView
from .exam_sources import file_below

FORMAT = 'mammo_plugins index of exams 1'


def part_of(exam_id: str, parts: int) -> int:
    """Return the part that an exam belongs to: by a hash, the same everywhere.

    Args:
        exam_id (str): Its key.
        parts (int): How many there are.

    Returns:
        int: From 0 to ``parts - 1``.
    """
    return int.from_bytes(hashlib.sha256(exam_id.encode()).digest()[:8], 'big') % parts


def view_facts(view: FoundView, root: Path) -> dict[str, Any]:
    """Return what an index says of an image.

    Args:
        view (FoundView): The image.
        root (Path): Folder that its name is relative to.
    """
    spacing = view.pixel_spacing_mm
    return dict(
        file=file_below(root, view.path),
        laterality=view.laterality,
        view=view.view,
        width=view.width,
        height=view.height,
        pixel_spacing_mm=None if spacing is None else list(spacing),
        modality=view.modality,
        image_kind=view.kind,
        burned_in=view.burned_in,
        warnings=[list(warning) for warning in view.warnings],
    )


def view_of(facts: Mapping[str, Any], root: Path, **more: Any) -> FoundView:
    """Return the image that :func:`view_facts` speaks of.

    Args:
        facts (dict): Of it.
        root (Path): As there.
        **more: Further attributes.
    """
    spacing = facts['pixel_spacing_mm']
    return FoundView(
        root / facts['file'],
        facts['laterality'],
        facts['view'],
        facts['width'],
        facts['height'],
        None if spacing is None else tuple(spacing),
        modality=facts['modality'],
        kind=facts['image_kind'],
        burned_in=facts['burned_in'],
        warnings=tuple(ReadingWarning(*warning) for warning in facts['warnings']),
        **more,
    )


def exam_line(key: str, found: FoundExams, root: Path) -> dict[str, Any]:
    """Return the line of an exam.

    Args:
        key (str): Of the exam.
        found (FoundExams): Has it, as :func:`find_exams` gives it.
        root (Path): Folder that names of files are relative to.
    """
    views = {}
    for name, view in found.exams[key].items():
        others = [view_facts(other, root) for other in view.others]
        reasons = found.reasons_of_others(name, view)
        for facts, (_, reason) in zip(others, reasons):
            facts['reason'] = reason
        views[name] = dict(
            view_facts(view, root), chosen=_why_chosen(view), others=others
        )
    return dict(
        exam_id=key,
        views=views,
        warnings=found.doubts.get(key, []),
        files=sum(1 + len(view['others']) for view in views.values()),
        left_out=sum(len(view['others']) for view in views.values()),
    )


def _why_chosen(view: FoundView) -> str:
    """Return why an image stands for its view."""
    if not view.others:
        return 'the only image of the view'
    among = f'of {1 + len(view.others)} images of the view'
    other = view.others[0]
    if view.order[0] < other.order[0]:
        return f'{among} the only {view.kind} one; that comes before {other.kind}'
    if view.order < other.order:
        return f'{among} the one for presentation, or without text in its pixels'
    return f'{among} the first by file name; what the headers say is equal'


class ExamIndex:
    """An index, or a part of it, read a line at a time.

    Args:
        path (str | Path): Of ``mammo index``.
        part (int), parts (int): Which part of how many. Defaults to all of it.

    Attributes:
        path (Path): The file.
        root (Path): Folder that names of files are relative to.
        modality (str | list[str]): Images that were looked for.
        digest (str): Changes with what the index holds.
        exams (int), notes (list[str]): How many exams the whole has, and what is to be
            known of it.
        places (array): Of the part's exams in the file, for :meth:`exam`.

    Raises:
        FileNotFoundError: If there is no such file.
        JsonError: If it is no index, or not whole.
    """

    def __init__(self, path: str | Path, part: int = 0, parts: int = 1) -> None:
        self.path = Path(path)
        self._lines = JsonLines(self.path)
        self.places = array('Q')
        if not self.path.is_file():
            raise FileNotFoundError(f'{path}: no such file; mammo index makes one')
        digest, self.exams = hashlib.sha256(), 0
        head: dict[str, Any] = {}
        end: dict[str, Any] = {}
        for place, line in self._lines.placed():
            digest.update(repr(line).encode(errors='surrogatepass'))
            if 'exam_id' in line:
                self.exams += 1
                if part_of(line['exam_id'], parts) == part:
                    self.places.append(place)
            head, end = head or line.get('index', {}), line
        if self._lines.damaged or head.get('format') != FORMAT:
            what = f'{self._lines.damaged} lines are damaged' if head else 'no index'
            raise JsonError(f'{what}; make it again by mammo index', self.path)
        if end.get('exams') != self.exams:
            raise JsonError('it is cut short; make it again by mammo index', self.path)
        self.digest = digest.hexdigest()[:16]
        self.root = Path(head['root'])
        self.modality: str | Sequence[str] = head['modality']
        self.notes: list[str] = end['notes']

    def exam_ids(self) -> Iterator[str]:
        """Yield the keys of the part's exams."""
        return (line['exam_id'] for line in self._lines.at(self.places))

    def exam(self, place: int) -> tuple[str, FoundExams]:
        """Return an exam's key, and it alone as :func:`find_exams` would give it.

        Args:
            place (int): One of :attr:`places`.
        """
        (line,) = self._lines.at([place])
        key = line['exam_id']
        views = {
            name: view_of(
                facts,
                self.root,
                others=[view_of(other, self.root) for other in facts['others']],
            )
            for name, facts in line['views'].items()
        }
        doubts = {key: line['warnings']} if line['warnings'] else {}
        return key, FoundExams({key: views}, doubts=doubts)

    def left_out(self) -> Iterator[dict[str, str]]:
        """Yield the files that are in no exam, each with ``file`` and ``reason``."""
        return (line for line in self._lines if line.keys() == {'file', 'reason'})
