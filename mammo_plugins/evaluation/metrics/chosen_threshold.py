"""A threshold that was chosen on one part of the data, for use on another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mammo_plugins.io import JsonError, read_json

_FIELD = 'ROCMetric.threshold_from'
_NOISE = 1e-4  # of scores of one model on one part, on another machine
_FEW = 3  # different scores: fewer may be those of two parts by chance


class ChosenThreshold(NamedTuple):
    """The threshold of the best macro F1 in a file of ``ROCMetric``.

    Args:
        path (str): The file.
        value (float): The threshold.
        part (list[str], optional): Annotation files that it was chosen on, ``None``
            if the file does not tell.
        counts (dict): Of its samples, empty if the file does not tell.
        scores (np.ndarray): Its different scores, descending.
    """

    path: str
    value: float
    part: list[str] | None
    counts: dict[str, Any]
    scores: np.ndarray

    @classmethod
    def read(cls, path: str) -> 'ChosenThreshold':
        """Read a file.

        Raises:
            JsonError: If it is none of ``ROCMetric``, or has no threshold.
        """
        try:
            summary = read_json(path)
            value = summary.get('best_macro_f1_threshold')
            part, counts = summary.get('part'), summary.get('counts', {})
            scores = _scores(summary)
        except (OSError, AttributeError, TypeError, ValueError) as error:
            raise JsonError(
                f'{_FIELD}: {path}: not a file of ROCMetric ({error}); run '
                'mammo test on the training or validation part '
                'first'
            ) from None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise JsonError(
                f'{_FIELD}: {path}: best_macro_f1_threshold is {value}; '
                'expected a number, of a part with both classes and scores '
                'that tell them apart'
            )
        if part is not None and not (
            isinstance(part, list) and all(isinstance(name, str) for name in part)
        ):
            raise JsonError(
                f'{_FIELD}: {path}: part is {part!r}; expected the names '
                'of annotation files, or null'
            )
        return cls(path, float(value), part, counts, scores)

    def refuse_part(self, part: Sequence[str]) -> None:
        """Raise a JsonError if it was chosen on annotation files to be tested.

        Args:
            part (Sequence[str]): The files to be tested.
        """
        chosen = {Path(name).resolve() for name in self.part or ()}
        same = [name for name in part if Path(name).resolve() in chosen]
        if same:
            self._refuse(same[0])

    def refuse_scores(self, summary: dict) -> None:
        """Raise a JsonError if it was chosen on the very scores that were tested.

        Then the part is the same, whatever the name of its annotation file.

        Args:
            summary (dict): Of the test, :func:`roc_summary`.
        """
        scores = _scores(summary)
        if (
            len(scores) >= _FEW
            and len(scores) == len(self.scores)
            and summary['counts'] == self.counts
            and np.abs(scores - self.scores).max() < _NOISE
        ):
            self._refuse('the same scores')

    def _refuse(self, what: str) -> None:
        raise JsonError(
            f'{_FIELD}: {self.path}: its threshold was chosen on the part that is '
            f'tested, {what}, so that figures at it would be too good; choose it on '
            'the validation or the training part: test that with mammo test '
            '--cfg-options test_dataloader.dataset.ann_file=... and give its file'
        )


def _scores(summary: dict) -> np.ndarray:
    """Return the thresholds of the curve but the first, which is infinite."""
    return np.array(summary.get('curve', {}).get('threshold', ())[1:], float)
