"""An index of the exams found in an archive, one line per exam."""

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
    """Return the part that an exam belongs to, by a hash that is the same everywhere.

    Args:
        exam_id (str): The exam's key.
        parts (int): Number of parts.

    Returns:
        int: A number from 0 to ``parts - 1``.
    """
    return int.from_bytes(hashlib.sha256(exam_id.encode()).digest()[:8], 'big') % parts


def view_facts(view: FoundView, root: Path) -> dict[str, Any]:
    """Return an image's entry in an index.

    Args:
        view (FoundView): The image.
        root (Path): Folder to which its name is relative.
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
    """Return the image described by :func:`view_facts`.

    Args:
        facts (dict): Its facts.
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
    """Return an exam's line.

    Args:
        key (str): The exam's key.
        found (FoundExams): Contains the exam, as returned by :func:`find_exams`.
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
    """Return why an image represents its view."""
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
    """An index or a part of it, read line by line.

    Args:
        path (str | Path): A file written by ``mammo index``.
        part (int), parts (int): Which part of how many. Defaults to the whole index.
        root (str | Path, optional): Folder that names of files are relative to, if it
            is another than when the index was made.

    Attributes:
        path (Path): The file.
        root (Path): Folder that names of files are relative to.
        indexed_root (str): That folder as the index names it.
        modality (str | list[str]): Images that were searched for.
        digest (str): Changes with the index's content.
        exams (int), notes (list[str]): Number of exams in the whole index, and what
            users should know about it.
        places (array): Positions of the part's exams in the file, for :meth:`exam`.

    Raises:
        FileNotFoundError: If there is no such file.
        JsonError: If it is not an index or is incomplete.
    """

    def __init__(
        self,
        path: str | Path,
        part: int = 0,
        parts: int = 1,
        root: str | Path | None = None,
    ) -> None:
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
        self.indexed_root: str = head['root']
        self.root = Path(root or self.indexed_root)
        self.modality: str | Sequence[str] = head['modality']
        self.notes: list[str] = end['notes']

    def exam_ids(self) -> Iterator[str]:
        """Yield the keys of the part's exams."""
        return (line['exam_id'] for line in self._lines.at(self.places))

    def exam(self, place: int) -> tuple[str, FoundExams]:
        """Return an exam's key, and the exam as from :func:`find_exams`.

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
        """Yield the files outside all exams, each with ``file`` and ``reason``."""
        return (line for line in self._lines if line.keys() == {'file', 'reason'})
