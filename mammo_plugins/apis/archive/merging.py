"""Merging the results of parts."""

import os
import shutil
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from mammo_plugins.io import (
    Entries,
    JsonLines,
    atomic_path,
    write_json,
    write_json_lines,
)
from mammo_plugins.structures.exam_index import ExamIndex

from ..config_loading import ConfigError
from ..inferencers.prediction_writer import (
    JOINED,
    LINES,
    differences,
    end_line,
    figures_of,
    placed_lines,
    refuse_another_run,
)


class Merged(NamedTuple):
    """Counts of merged results.

    Attributes:
        exams (int): Exams with a line.
        unusable (int): How many of these have no usable view, and so no entry.
        unfinished (int): Parts whose run did not end.
        duplicates, differing (int): Lines of exams that another part also has, and how
            many of them differ; the line of the first part is kept.
        missing (list[str]): Keys of exams without a line.
        damaged (int): Lines cut short, changed, or of another run.
        figures (int): Pictures that are named but missing.
    """

    exams: int
    unusable: int
    unfinished: int
    duplicates: int
    differing: int
    missing: list[str]
    damaged: int
    figures: int


class _Parts:
    """The lines of parts, by exam."""

    def __init__(self, parts: Sequence[str | Path], index: ExamIndex) -> None:
        self.files = [_lines_of(Path(part)) for part in parts]
        self.info: dict[str, Any] = {}
        self.places: dict[str, tuple[int, int]] = {}
        self.duplicates = self.differing = self.damaged = self.unusable = 0
        self.unfinished = 0
        wanted = set(index.exam_ids())
        for number, lines in enumerate(self.files):
            info, places, strange = placed_lines(lines)
            self.damaged += strange + lines.damaged
            self._check(lines.path, info, index)
            for exam_id, place in places.items():
                if exam_id not in wanted:  # the index no longer has it
                    continue
                (line,) = lines.at([place])
                if exam_id in self.places:
                    self.duplicates += 1
                    self.differing += line['exam'] != self.line(exam_id)['exam']
                else:
                    self.places[exam_id] = number, place
                    self.unusable += line['exam'] is None

    def _check(self, path: Path, info: dict | None, index: ExamIndex) -> None:
        if info is None:
            raise ConfigError(f'{path}: no line identifies the run; is it damaged?')
        if info.get('index') != index.digest:
            raise ConfigError(
                f'{path}: made from another index than {index.path}; use that one, or '
                'run mammo infer again with this one, which does only what is new'
            )
        self.unfinished += 'complete' not in info
        info = {
            name: value
            for name, value in info.items()
            if name not in ('part', 'complete')
        }
        if self.info and info != self.info:
            raise ConfigError(
                f'{path}: of another run than {self.files[0].path}; it differs in '
                f'{differences(self.info, info)}. Only parts of one run are joined'
            )
        self.info = info

    def line(self, exam_id: str) -> dict[str, Any]:
        """Return the line of an exam."""
        number, place = self.places[exam_id]
        (line,) = self.files[number].at([place])
        return line

    def in_order(self, index: ExamIndex) -> Iterator[dict[str, Any]]:
        """Yield the lines in the order of the index."""
        return (self.line(key) for key in index.exam_ids() if key in self.places)


def _lines_of(part: Path) -> JsonLines:
    path = part / LINES if part.is_dir() else part
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file; expected the --out of a part')
    return JsonLines(path)


def merge_parts(
    parts: Sequence[str | Path],
    index: str | Path,
    out_dir: str | Path,
    keep_lines: bool = False,
) -> Merged:
    """Merge the results of parts, in the order of the index.

    Args:
        parts (Sequence[str | Path]): Folders of :func:`predict_index`, or their
            ``predictions.jsonl``.
        index (str | Path): The index that they were made from.
        out_dir (str | Path): Folder for ``predictions.json`` and the parts' pictures,
            as hard links, or as copies if the file system does not support them.
        keep_lines (bool): Whether to write ``predictions.jsonl`` instead. Defaults to
            False.

    Raises:
        ConfigError: If the parts come from different runs or another index, or if
            ``out_dir`` is one of them or contains results of another run.
        FileNotFoundError: If a part or the index is missing.
        JsonError: If the file is not an index.
    """
    exams, out = ExamIndex(index), Path(out_dir)
    joined = _Parts(parts, exams)
    if any(lines.path.resolve().parent == out.resolve() for lines in joined.files):
        raise ConfigError(f'{out}: is one of the parts; choose another folder')
    refuse_another_run(out, joined.info)
    missing = [key for key in exams.exam_ids() if key not in joined.places]
    complete = not missing and not joined.unfinished
    if keep_lines:
        lines = joined.in_order(exams)
        end = [end_line(joined.info)] if complete else []
        write_json_lines(out / LINES, chain([dict(info=joined.info)], lines, end))
    else:
        write_json(out / JOINED, _result(joined, exams, complete))
    return Merged(
        len(joined.places),
        joined.unusable,
        joined.unfinished,
        joined.duplicates,
        joined.differing,
        missing,
        joined.damaged,
        _bring_figures(joined, exams, out),
    )


def _result(joined: _Parts, index: ExamIndex, complete: bool) -> dict[str, Any]:
    return dict(
        info=dict(joined.info, complete=complete),
        notes=index.notes,
        exams=Entries(
            lambda: (
                line['exam']
                for line in joined.in_order(index)
                if line['exam'] is not None
            )
        ),
        skipped=Entries(
            lambda: chain(
                index.left_out(),
                (each for line in joined.in_order(index) for each in line['skipped']),
            )
        ),
    )


def _bring_figures(joined: _Parts, index: ExamIndex, out: Path) -> int:
    """Link pictures into a folder; return how many are missing."""
    missing = 0
    for line in joined.in_order(index):
        folder = joined.files[joined.places[line['exam_id']][0]].path.parent
        for name in figures_of(line['exam']):
            source, target = folder / Path(name).name, out / Path(name).name
            if not source.is_file():
                missing += 1
            else:
                with atomic_path(target) as temporary:
                    try:
                        os.link(source, temporary)
                    except OSError:  # on another file system
                        shutil.copyfile(source, temporary)
    return missing
