"""Predicting the exams of an index, or of a part of it, with reading ahead."""

import shutil
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import cv2
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from mammo_plugins.io import Entries, temporary_folder
from mammo_plugins.printable import number_of
from mammo_plugins.stopping import raise_if_stopped, start_worker, stop_arrived
from mammo_plugins.structures.exam_index import ExamIndex

from ..config_loading import ConfigError
from ..inferencers.base import ExamInferencer
from ..inferencers.figures import Figures, least_score
from ..inferencers.loaded_exam import LoadedExam, skipped_entry
from ..inferencers.prediction_writer import PredictionWriter, files_digest

_AHEAD = 2  # exams per process


class Outcome(NamedTuple):
    """Outcome of an exam: the arguments of :meth:`PredictionWriter.add`."""

    exam_id: str
    made_of: str
    exam: dict[str, Any] | None
    skipped: list[dict[str, str]]


class Pace:
    """How the time was spent.

    Attributes:
        exams (int): Exams done.
        seconds, waited (float): Total time, and time waiting for images to be read.
    """

    def __init__(self) -> None:
        self.exams, self.seconds, self.waited = 0, 0.0, 0.0

    def waits(self, source: Iterable[Any]) -> Iterator[Any]:
        """Yield the items of a source; count the time it needs as waiting."""
        source, start = iter(source), time.perf_counter()
        for each in iter(lambda: next(source, None), None):
            self.waited += time.perf_counter() - start
            yield each
            self.exams += 1
            self.seconds = self.seconds + time.perf_counter() - start
            start = time.perf_counter()

    def __str__(self) -> str:
        seconds = max(self.seconds, 1e-9)
        return (
            f'{60 * self.exams / seconds:.1f} exams a minute; the model waited for '
            f'images {self.waited / seconds:.0%} of the time'
        )


class _Read(NamedTuple):
    key: str
    made_of: str
    exam: LoadedExam | None
    batches: list[dict] | None  # None if a model must find nipples first
    skipped: list[dict[str, str]]
    cache: Path


class _ExamsOfIndex(Dataset):
    """Exams with their pixels read, and with batches if these need no model."""

    def __init__(
        self,
        inferencer: ExamInferencer,
        index: ExamIndex,
        places: Sequence[int],
        folder: Path,
    ) -> None:
        self.inferencer, self.index = inferencer, index
        self.places, self.folder = places, folder

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, i: int) -> _Read:
        key, found = self.index.exam(self.places[i])
        made_of, cache, batches = (
            files_digest(key, found),
            self.folder / f'{i}',
            None,
        )
        exam = self.inferencer.read_exam(key, found, self.index.root, cache)
        if exam is not None and self.inferencer.nipple_locator is None:
            batches = list(self.inferencer.preprocess(exam))
        skipped = [skipped_entry(self.index.root, *each) for each in found.skipped]
        return _Read(key, made_of, exam, batches, skipped, cache)


def _as_it_is(read: _Read) -> _Read:
    return read


def _start_worker(number: int) -> None:
    start_worker()


@contextmanager
def _one_thread_of_opencv() -> Iterator[None]:
    """Disable OpenCV's threads: a process forked while they run waits forever."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def outcomes(
    inferencer: ExamInferencer,
    index: ExamIndex,
    places: Sequence[int],
    figures: Figures,
    workers: int,
    pace: Pace,
) -> Iterator[Outcome]:
    """Run on exams of an index, in order.

    The model gets one exam at a time: a network's output for a batch differs in the
    last bits from its output for single images.

    Args:
        inferencer (ExamInferencer): The model.
        index (ExamIndex), places (Sequence[int]): The index and positions of exams in
            it.
        figures (Figures): Which exams are drawn, and where.
        workers (int): Processes that read exams ahead of the model; 0 for none.
        pace (Pace): Records the time.
    """
    with temporary_folder() as folder, _one_thread_of_opencv():
        ahead = (
            dict(
                prefetch_factor=_AHEAD,
                multiprocessing_context='fork',
                worker_init_fn=_start_worker,
            )
            if workers
            else {}
        )
        loader = DataLoader(
            _ExamsOfIndex(inferencer, index, places, folder),
            batch_size=None,
            collate_fn=_as_it_is,
            num_workers=workers,
            **ahead,
        )
        for read in pace.waits(loader):
            entry = None
            if read.exam is not None:
                entry = inferencer.predict(read.exam, figures, read.batches)
            shutil.rmtree(read.cache, ignore_errors=True)
            yield Outcome(read.key, read.made_of, entry, read.skipped)


def predict_index(
    inferencer: ExamInferencer,
    index: str | Path,
    out_dir: str | Path,
    *,
    num_parts: int = 1,
    part_id: int = 0,
    score_thr: float = 0.2,
    figures: str = 'all',
    workers: int = 2,
    pace: Pace | None = None,
    root: str | Path | None = None,
    run: Callable[..., Iterator[Outcome]] = outcomes,
) -> dict[str, Any]:
    """Run on the exams of an index, or on a part of them.

    Results are kept in ``predictions.jsonl``, not in memory. The same call resumes
    after the last complete line; if the index has changed since, only exams that are
    new or whose files have changed are run. At the end ``predictions.json`` is written from it.

    Args:
        inferencer (ExamInferencer): The model.
        index (str | Path): File written by ``mammo index``.
        out_dir (str | Path): A folder for this part only.
        num_parts (int), part_id (int): Number of parts and index of this one, from 0;
            exams are assigned to parts by a hash of their key. Defaults to all exams.
        score_thr (float), figures (str): As in :class:`ExamInferencer`.
        workers (int), pace (Pace): As in :func:`outcomes`. ``workers`` defaults to 2.
        root (str | Path, optional): Folder of the images on this machine. Defaults to
            that of the index.
        run (callable): :func:`outcomes`, or a function with the same results.

    Returns:
        dict: The content of ``predictions.json``; ``exams`` and ``skipped`` are
        :class:`~mammo_plugins.io.Entries`, read from the file each time.

    Raises:
        ConfigError: If ``out_dir`` contains results of another run or part, or the
            model is for a different kind of image than the index.
        FileNotFoundError: If there is no index.
        JsonError: If the file is not an index.
        ValueError: If there is no such part.
    """
    if not 0 <= part_id < num_parts:
        raise ValueError(f'part_id: {part_id}; expected 0 to {num_parts - 1}')
    drawn = Figures(Path(out_dir), score_thr, least_score(figures))
    exams = ExamIndex(index, part_id, num_parts, root)
    _check_modality(inferencer, exams)
    info = dict(inferencer.info(), index=exams.digest)
    if num_parts > 1:
        info['part'] = f'{part_id} of {num_parts}'
    # not of the index's digest, so that an archive may grow
    info['run'] = inferencer.run_key([exams.indexed_root], score_thr, figures)
    writer = PredictionWriter(out_dir, info)
    writer.begin()
    _count_others(exams, writer)
    left = array('Q', _not_done(exams, writer))
    complete = False
    try:
        done = run(inferencer, exams, left, drawn, workers, pace or Pace())
        for outcome in tqdm(done, total=len(left), desc='exams', unit='exam'):
            raise_if_stopped()
            writer.add(*outcome)
        complete = True
    finally:
        stop_arrived()
        writer.read_again()
        result = dict(
            info=dict(info, complete=complete),
            notes=exams.notes,
            exams=Entries(lambda: _entries(exams, writer)),
            # files without an exam are reported with the whole
            skipped=Entries(lambda: _skipped(exams, writer, num_parts == 1)),
        )
        writer.join(result)
    return result


def _check_modality(inferencer: ExamInferencer, index: ExamIndex) -> None:
    wanted, there = (
        [each] if isinstance(each, str) else list(each)
        for each in (inferencer.modality, index.modality)
    )
    if wanted != there:
        raise ConfigError(
            f'{index.path}: an index of {", ".join(there)} images, and '
            f'{inferencer.names["config"]} is of {", ".join(wanted)}; make it by mammo '
            f'index --modality {" ".join(wanted)}'
        )


def _count_others(index: ExamIndex, writer: PredictionWriter) -> None:
    """Report exams that have lines but are not, or no longer, in the index."""
    if not writer.done:
        return
    others = len(writer.done) - sum(key in writer.done for key in index.exam_ids())
    if others:
        print(
            f'{writer.folder}: {number_of(others, "exam")} done earlier but not in '
            f'{index.path}: left out of predictions.json'
        )


def _not_done(index: ExamIndex, writer: PredictionWriter) -> Iterator[int]:
    """Yield the positions of exams that are still to be done."""
    for place in index.places:
        if writer.done:
            key, found = index.exam(place)
            if key in writer.done and writer.get(key, files_digest(key, found)):
                continue
        yield place


def _entries(index: ExamIndex, writer: PredictionWriter) -> Iterator[dict]:
    for line in writer.lines(index.exam_ids()):
        if line['exam'] is not None:
            yield line['exam']


def _skipped(
    index: ExamIndex, writer: PredictionWriter, all_exams: bool
) -> Iterator[dict]:
    return chain(
        index.left_out() if all_exams else (),
        (each for line in writer.lines(index.exam_ids()) for each in line['skipped']),
    )
