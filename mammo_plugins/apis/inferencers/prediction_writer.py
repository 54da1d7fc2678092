"""Writing predictions: each exam when it is done, the whole file at the end."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mammo_plugins.io import JsonLines, ReadingLimits, read_json, write_json
from mammo_plugins.printable import number_of
from mammo_plugins.structures.exam_files import FoundView
from mammo_plugins.version import __version__

from ..config_loading import ConfigError
from ..trained_model import TrainedModel

LINES, JOINED = 'predictions.jsonl', 'predictions.json'


def run_key(
    models: Sequence[TrainedModel], files: Sequence[str], options: Sequence[Any]
) -> str:
    """Return a digest of everything but the images that results depend on.

    Args:
        models (list[TrainedModel]): Models that give the results.
        files (list[str]): Files that specify the images.
        options (Sequence): Options of the run.
    """
    digest = hashlib.sha256(
        repr(
            [
                __version__,
                [model.config.to_dict() for model in models],
                list(files),
                str(ReadingLimits.current()),
                options,
            ]
        ).encode()
    )
    for path in (path for model in models for path in model.checkpoints):
        with open(path, 'rb') as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def files_digest(views: Mapping[str, FoundView]) -> str:
    """Return a digest of the files of an exam.

    Args:
        views (dict[str, FoundView]): Views of the exam, by name.
    """
    images = [
        (name, image.path)
        for name, view in views.items()
        for image in (view, *view.others)
    ]
    facts = [(name, str(path), *_size_and_time(path)) for name, path in images]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _size_and_time(path: Path) -> tuple[int | None, int | None]:
    try:
        stat = path.stat()
    except OSError:
        return None, None  # reading the file reports what is wrong
    return stat.st_size, stat.st_mtime_ns


def placed_lines(lines: JsonLines) -> tuple[dict | None, dict[str, int], int]:
    """Return the positions of a run's results.

    Args:
        lines (JsonLines): Lines of :class:`PredictionWriter`.

    Returns:
        tuple: Description of the run, ``None`` if no line has it; the position of the
            last line of each exam; and the number of unrelated lines.
    """
    info, places, strange = None, {}, 0
    for place, line in lines.placed():
        if line.keys() == {'info'}:
            info = line['info']
        elif (
            info is not None
            and 'exam_id' in line
            and (line.get('run') == info.get('run'))
        ):
            places[line['exam_id']] = place
        else:  # its kind cannot be determined
            strange += 1
    return info, places, strange


class PredictionWriter:
    """Results of one run in a folder, written as they are produced.

    ``predictions.jsonl`` begins with a line that describes the run. When an exam is
    done, its line is added, flushed and synced. :meth:`join` writes
    ``predictions.json`` from these lines. Starting the same run in the same folder
    resumes it.

    Args:
        folder (str | Path): Folder to write to.
        info (dict): Description of the run; its ``run`` is a digest of everything that
            the results depend on.

    Raises:
        ConfigError: If the folder contains results of another run.
    """

    def __init__(self, folder: str | Path, info: dict[str, Any]) -> None:
        self.folder = Path(folder)
        self.info = info
        self._lines = JsonLines(self.folder / LINES)
        before, self.done, strange = placed_lines(self._lines)
        if strange + self._lines.damaged:
            print(
                f'{self.folder / LINES}: {strange + self._lines.damaged} lines '
                'cut short, damaged or of another run; their exams are run again'
            )
        self._begun = before is not None
        count = len(self.done)
        if not self._begun:
            before, count = self._joined()
        if before is not None and any(
            before.get(name) != info.get(name) for name in ('run', 'part')
        ):
            raise ConfigError(self._of_another(before, count))
        if count:
            print(
                f'{self.folder}: {number_of(count, "exam")} of this run done already; '
                + ('skipped' if self._begun else f'run again, as {LINES} is missing')
            )

    def _joined(self) -> tuple[dict | None, int]:
        """Return the description of a run of which only ``predictions.json`` exists."""
        path = self.folder / JOINED
        if not path.exists():
            return None, 0
        try:
            result = read_json(path)
            return dict(result['info']), len(result['exams'])
        except (ValueError, TypeError, KeyError):
            return {}, 0  # not a run of ours

    def _of_another(self, before: dict, count: int) -> str:
        """Return the message about another run's results."""
        made = (
            f'{count} exams by {before.get("config")} and {before.get("checkpoint")}'
            if before
            else f'a {JOINED} of another kind'
        )
        differs = [
            name
            for name in ('config', 'checkpoint', 'version', 'part')
            if before and before.get(name) != self.info.get(name)
        ]
        what = ', '.join(differs) or 'its files, weights, settings or options'
        return (
            f'{self.folder}: holds results of another run ({made}), which differs '
            f'in {what}; they are left unchanged. Choose another folder, or '
            'delete this one'
        )

    def get(self, exam_id: str, made_of: str) -> dict | None:
        """Return the line of a finished exam, if its figures exist too.

        Args:
            exam_id (str): Key of the exam.
            made_of (str): :func:`files_digest` of its files.
        """
        if exam_id not in self.done:
            return None
        (line,) = self._lines.at([self.done[exam_id]])
        if line['made_of'] != made_of:
            return None
        return (
            line
            if all((self.folder / name).is_file() for name in figures_of(line['exam']))
            else None
        )

    def begin(self) -> None:
        """Write the description of the run, if missing: a part may have no exam."""
        if not self._begun:
            self._lines.append(dict(info=self.info))
            self._begun = True

    def add(
        self, exam_id: str, made_of: str, exam: dict | None, skipped: list[dict]
    ) -> None:
        """Write an exam.

        Args:
            exam_id (str): Key of the exam.
            made_of (str): As in :meth:`get`.
            exam (dict, optional): Its entry; ``None`` if it has no usable view.
            skipped (list[dict]): Entries of its unused files.
        """
        self.begin()
        self._lines.append(
            dict(
                run=self.info['run'],
                exam_id=exam_id,
                made_of=made_of,
                exam=exam,
                skipped=skipped,
            )
        )

    def read_again(self) -> None:
        """Read the finished exams from the file.

        The arguments of :meth:`add` are not enough: an interruption may come just after
        a line was written.
        """
        self._lines.close()
        _, self.done, _ = placed_lines(self._lines)

    def lines(self, exam_ids: Iterable[str]) -> Iterator[dict]:
        """Yield the lines of exams that had one at the last :meth:`read_again`.

        Args:
            exam_ids (Iterable[str]): Keys, in the desired order.
        """
        return self._lines.at(
            self.done[exam_id] for exam_id in exam_ids if exam_id in self.done
        )

    def join(self, result: dict[str, Any]) -> None:
        """Write ``predictions.json``, if there is any exam.

        Args:
            result (dict): The whole content; ``exams`` and ``skipped`` are lists or
                :class:`~mammo_plugins.io.Entries`.
        """
        if any(True for _ in result['exams']):
            write_json(self.folder / JOINED, result)


def figures_of(entry: Any) -> list[str]:
    """Return the names of the figures in an entry and in nested entries.

    Args:
        entry (dict or list): Entry of ``predictions.json``.
    """
    if isinstance(entry, list):
        return [name for each in entry for name in figures_of(each)]
    if not isinstance(entry, dict):
        return []
    return [
        name
        for key, value in entry.items()
        for name in (
            [value] if key == 'figure' or key.endswith('_figure') else figures_of(value)
        )
    ]
