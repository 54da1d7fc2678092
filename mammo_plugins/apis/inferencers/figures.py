"""Selection of the exams that are drawn."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

_ABOVE = 'above='
_SCORES = ('malignancy', 'asymmetric', 'abnormal')


def least_score(figures: str) -> float:
    """Return the minimum highest score of an exam that is drawn.

    Args:
        figures (str): 'none', 'all', or 'above=SCORE' with a score from 0 to 1.

    Raises:
        ValueError: If it is something else.
    """
    try:
        score = {'none': math.inf, 'all': -math.inf}.get(figures)
        if score is None:
            score = float(figures.removeprefix(_ABOVE))
            if not (figures.startswith(_ABOVE) and 0 <= score <= 1):
                raise ValueError
    except ValueError:
        raise ValueError(
            f'{figures!r}: expected none, all, or above=SCORE with a score from 0 to 1'
        ) from None
    return score


def highest_score(entry: Any) -> float:
    """Return the highest score of an exam, minus infinity if it has none.

    Args:
        entry (dict): Its entry in ``predictions.json``. Scores are those of detections,
            and of classifiers for exams, breasts, pairs and views.
    """
    return max(_scores(entry), default=-math.inf)


def _scores(entry: Any) -> Iterator[float]:
    if isinstance(entry, list):
        for each in entry:
            yield from _scores(each)
    elif isinstance(entry, dict) and 'score' in entry:
        yield entry['score']  # of a detection; its malignancy is separate
    elif isinstance(entry, dict):
        for key, value in entry.items():
            if key in _SCORES and value is not None:
                yield value
            else:
                yield from _scores(value)


class Figures(NamedTuple):
    """Which exams are drawn, and where.

    Attributes:
        folder (Path, optional): Folder to write to; ``None`` to draw nothing.
        score_thr (float): Minimum score of a box in a picture.
        least (float): Result of :func:`least_score`.
    """

    folder: Path | None = None
    score_thr: float = 0.2
    least: float = -math.inf

    def wanted(self, entry: dict[str, Any]) -> bool:
        """Return whether an exam is drawn.

        Args:
            entry (dict): As in :func:`highest_score`.
        """
        return self.folder is not None and highest_score(entry) >= self.least
