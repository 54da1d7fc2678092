"""Writing predictions: each exam when it is done, the whole file at the end."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mammo_plugins.io import JsonLines, ReadingLimits, StreamedJson, write_json
from mammo_plugins.printable import number_of
from mammo_plugins.structures.exam_files import FoundExams
from mammo_plugins.version import __version__

from ..config_loading import ConfigError
from ..trained_model import TrainedModel

LINES, JOINED = 'predictions.jsonl', 'predictions.json'
_END = dict(complete=True)
# in the order in which they are named if runs differ
_DESCRIBING = (
    'config',
    'checkpoint',
    'version',
    'part',
    'ensemble',
    'tta',
    'precision',
)
_UNNAMED = (
    'something that is not recorded by name: PATH, the content of the checkpoint, calibration or config, or an option: '
    '--cfg-options, --score-thr, --figures, --group-by, --nipple-detector or a reading '
    'limit'
)


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


def files_digest(exam_id: str, found: FoundExams) -> str:
    """Return a digest of the files of an exam, and of doubts about them.

    Args:
        exam_id (str): Key of the exam.
        found (FoundExams): Contains the exam.
    """
    images = [
        (name, image.path)
        for name, view in found.exams[exam_id].items()
        for image in (view, *view.others)
    ]
    facts = [(name, str(path), *_size_and_time(path)) for name, path in images]
    doubts = found.doubts.get(exam_id, [])
    return hashlib.sha256(repr([facts, doubts]).encode()).hexdigest()[:16]


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


def end_line(info: dict[str, Any]) -> dict[str, Any]:
    """Return the line that ends the lines of a complete run.

    Args:
        info (dict): Description of the run.
    """
    return dict(info={**info, **_END})


def refuse_another_run(folder: Path, info: dict[str, Any]) -> None:
    """Refuse a folder with results of another run.

    Args:
        folder (Path): Folder to write to; it need not exist.
        info (dict): Description of the run.

    Raises:
        ConfigError: If its lines or its ``predictions.json`` are of another run or
            part.
    """
    before, done, _ = placed_lines(JsonLines(folder / LINES))
    _refuse_another(folder, before, info, len(done))
    before, count = _joined(folder)
    _refuse_another(folder, before, info, count)


def differences(before: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    """Return in what two runs differ, as far as their descriptions state it.

    Args:
        before (dict), info (dict): Descriptions of the runs.
    """
    named = [
        f'{name} ({before.get(name)}; now {info.get(name)})'
        for name in _DESCRIBING
        if before.get(name) != info.get(name)
    ]
    return ', '.join(named) or _UNNAMED


def _joined(folder: Path) -> tuple[dict | None, int]:
    """Return the description of the run in ``predictions.json``, and its exams."""
    if not (folder / JOINED).exists():
        return None, 0
    try:
        result = StreamedJson(folder / JOINED, 'exams')
        return dict(result.rest['info']), sum(1 for _ in result)
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}, 0  # not a run of ours


def _refuse_another(
    folder: Path, before: dict | None, info: dict[str, Any], count: int
) -> None:
    if before is None or all(
        before.get(name) == info.get(name) for name in ('run', 'part')
    ):
        return
    made = (
        f'{number_of(count, "exam")} by {before.get("config")} and {before.get("checkpoint")}'
        if before
        else f'a {JOINED} of another kind'
    )
    differs = f', which differs in {differences(before, info)}' if before else ''
    raise ConfigError(
        f'{folder}: holds results of another run ({made}){differs}; they are left '
        'unchanged. Choose another folder, or delete this one'
    )


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
        has_lines, count = before is not None, len(self.done)
        self._ended = has_lines and 'complete' in before
        # the index may have grown since, which its digest shows
        self._begun = has_lines and {**before, **_END} == {**info, **_END}
        if not has_lines:
            before, count = _joined(self.folder)
        _refuse_another(self.folder, before, info, count)
        if count:
            print(
                f'{self.folder}: {number_of(count, "exam")} of this run '
                + (
                    'done already; skipped if the files are unchanged'
                    if has_lines
                    else f'run again, as {LINES} is missing'
                )
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
            self._begun, self._ended = True, False

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
        self._begun = self._begun and not self._ended
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

        If the run is complete, a last line states that.

        Args:
            result (dict): The whole content; ``exams`` and ``skipped`` are lists or
                :class:`~mammo_plugins.io.Entries`.
        """
        if result['info']['complete'] and self._begun and not self._ended:
            self._lines.append(end_line(self.info))
            self._ended = True
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
