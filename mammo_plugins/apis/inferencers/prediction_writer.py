"""Writing predictions: each exam when it is done, all of them at the end."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mammo_plugins.io import JsonLines, ReadingLimits, read_json, write_json
from mammo_plugins.structures.exam_files import FoundView
from mammo_plugins.version import __version__

from ..config_loading import ConfigError
from ..trained_model import TrainedModel

LINES, JOINED = 'predictions.jsonl', 'predictions.json'


def run_key(
    models: Sequence[TrainedModel], files: Sequence[str], options: Sequence[Any]
) -> str:
    """Return what changes with all that results depend on besides the images.

    Args:
        models (list[TrainedModel]): Whose results they are.
        files (list[str]): What says which images.
        options (Sequence): Of the run.
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
    """Return what changes when the files of an exam change.

    Args:
        views (dict[str, FoundView]): The exam's, by name.
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
        return None, None  # reading it says what is wrong
    return stat.st_size, stat.st_mtime_ns


def placed_lines(lines: JsonLines) -> tuple[dict | None, dict[str, int], int]:
    """Return where the results of a run are.

    Args:
        lines (JsonLines): Of :class:`PredictionWriter`.

    Returns:
        tuple: What the run is, ``None`` if no line says it; the place of the last line
        of each exam; and how many lines are of something else.
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
        else:  # what it is of cannot be told
            strange += 1
    return info, places, strange


class PredictionWriter:
    """Results of one run in a folder, kept as they come.

    ``predictions.jsonl`` begins with a line of what the run is and gets a line an
    exam, flushed and synced, when the exam is done; :meth:`join` writes
    ``predictions.json`` from them. The same run in the same folder goes on.

    Args:
        folder (str | Path): Where to write.
        info (dict): What the run is; ``run`` in it changes with all that the results
            depend on.

    Raises:
        ConfigError: If the folder holds results of another run.
    """

    def __init__(self, folder: str | Path, info: dict[str, Any]) -> None:
        self.folder = Path(folder)
        self.info = info
        self._lines = JsonLines(self.folder / LINES)
        before, self.done, strange = placed_lines(self._lines)
        if strange + self._lines.damaged:
            print(
                f'{self.folder / LINES}: {strange + self._lines.damaged} lines cut '
                'short, damaged or of another run; what they held is done again'
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
                f'{self.folder}: {count} exams of this run are there; '
                + (
                    'they are not done again'
                    if self._begun
                    else f'without {LINES} they are done again'
                )
            )

    def _joined(self) -> tuple[dict | None, int]:
        """Return what the run was whose ``predictions.json`` alone is there."""
        path = self.folder / JOINED
        if not path.exists():
            return None, 0
        try:
            result = read_json(path)
            return dict(result['info']), len(result['exams'])
        except (ValueError, TypeError, KeyError):
            return {}, 0  # of something else

    def _of_another(self, before: dict, count: int) -> str:
        """Return what to tell of another run's results."""
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
            f'in {what}; they are left as they are. Choose another folder, or '
            'delete this one'
        )

    def get(self, exam_id: str, made_of: str) -> dict | None:
        """Return the line of an exam that is done, if its figures are there too.

        Args:
            exam_id (str): Its key.
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
        """Write what the run is, if that is not there: a part may have no exam."""
        if not self._begun:
            self._lines.append(dict(info=self.info))
            self._begun = True

    def add(
        self, exam_id: str, made_of: str, exam: dict | None, skipped: list[dict]
    ) -> None:
        """Write an exam.

        Args:
            exam_id (str): Its key.
            made_of (str): As in :meth:`get`.
            exam (dict, optional): Its entry; ``None`` of one without a view of use.
            skipped (list[dict]): Entries of its files that were not used.
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
        """Take what is done from the file.

        Not from what :meth:`add` was called with: a stop may come when a line is
        written and nobody knows it yet.
        """
        self._lines.close()
        _, self.done, _ = placed_lines(self._lines)

    def lines(self, exam_ids: Iterable[str]) -> Iterator[dict]:
        """Yield the lines of exams that have one, as of :meth:`read_again`.

        Args:
            exam_ids (Iterable[str]): Keys, in the order that is wanted.
        """
        return self._lines.at(
            self.done[exam_id] for exam_id in exam_ids if exam_id in self.done
        )

    def join(self, result: dict[str, Any]) -> None:
        """Write ``predictions.json``, if there is any exam.

        Args:
            result (dict): All of it; ``exams`` and ``skipped`` are lists or
                :class:`~mammo_plugins.io.Entries`.
        """
        if any(True for _ in result['exams']):
            write_json(self.folder / JOINED, result)


def figures_of(entry: Any) -> list[str]:
    """Return the names of the figures in an entry and in those within it.

    Args:
        entry (dict or list): Of ``predictions.json``.
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
