"""Speed of reading and predicting an archive, compared with a plain loop."""

import tempfile
from array import array
from collections.abc import Sequence
from pathlib import Path

from mammo_plugins.io import temporary_folder
from mammo_plugins.structures.exam_index import ExamIndex

from ..inferencers.base import ExamInferencer
from ..inferencers.figures import Figures
from .predicting import Outcome, Pace, outcomes


def plain_loop(
    inferencer: ExamInferencer, index: ExamIndex, places: Sequence[int], pace: Pace
) -> list[dict]:
    """Read and predict one exam after the other; return their entries.

    Args:
        inferencer (ExamInferencer): The model.
        index (ExamIndex), places (Sequence[int]): The index and positions of exams in
            it.
        pace (Pace): Records the seconds; all the time spent reading counts as waiting.
    """
    entries = []
    with temporary_folder() as folder:

        def read():
            for i, place in enumerate(places):
                key, found = index.exam(place)
                cache = folder / f'{i}'
                exam = inferencer.read_exam(key, found, index.root, cache)
                yield exam and (exam, list(inferencer.preprocess(exam)))

        for done in pace.waits(read()):
            if done:
                entries.append(inferencer.predict(done[0], Figures(), done[1]))
    return entries


def compare(
    inferencer: ExamInferencer,
    index: str | Path,
    exams: int,
    workers: Sequence[int] = (1, 2),
    turns: int = 3,
) -> dict[str, list[Pace]]:
    """Time a plain loop and processes that read ahead, in alternation.

    Args:
        inferencer (ExamInferencer): The model.
        index (str | Path): File written by ``mammo index``.
        exams (int): Number of exams, from the start of the index.
        workers (Sequence[int]): Numbers of processes. Defaults to (1, 2).
        turns (int): Number of repetitions. Defaults to 3.

    Returns:
        dict[str, list[Pace]]: A pace per turn, by 'plain loop', '1 process' and so on.

    Raises:
        RuntimeError: If the results differ.
    """
    opened = ExamIndex(index)
    places = array('Q', opened.places[:exams])
    found: dict[str, list[Pace]] = {}
    with tempfile.TemporaryDirectory() as folder:
        figures = Figures(Path(folder), least=float('inf'))
        for _ in range(turns):
            pace = Pace()
            expected = plain_loop(inferencer, opened, places, pace)
            found.setdefault('plain loop', []).append(pace)
            for count in workers:
                pace = Pace()
                done: list[Outcome] = list(
                    outcomes(inferencer, opened, places, figures, count, pace)
                )
                name = f'{count} process{"es" if count > 1 else ""}'
                found.setdefault(name, []).append(pace)
                if [each.exam for each in done if each.exam] != expected:
                    raise RuntimeError(f'{name}: other results than the plain loop')
    return found


def table(found: dict[str, list[Pace]]) -> str:
    """Return the medians over turns as a Markdown table.

    Args:
        found (dict[str, list[Pace]]): Result of :func:`compare`.
    """
    rows = ['| | exams a minute | the model waits |', '|---|---|---|']
    for name, paces in found.items():
        pace = sorted(paces, key=lambda pace: pace.seconds)[len(paces) // 2]
        rate, waited = 60 * pace.exams / pace.seconds, pace.waited / pace.seconds
        rows.append(f'| {name} | {rate:.0f} | {waited:.0%} |')
    return '\n'.join(rows)
