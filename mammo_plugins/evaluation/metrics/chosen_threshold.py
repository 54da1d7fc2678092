"""A threshold chosen on one part of the data, for use on another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mammo_plugins.io import JsonError, read_json

_FIELD = 'ROCMetric.threshold_from'
_NOISE = 1e-4  # difference of a model's scores on one part between machines
_FEW = 3  # distinct scores: fewer may match between two parts by chance


class ChosenThreshold(NamedTuple):
    """The threshold of the best macro F1 in a file of ``ROCMetric``.

    Args:
        path (str): The file.
        value (float): The threshold.
        part (list[str], optional): Annotation files that it was chosen on, ``None`` if
            not recorded.
        counts (dict): Counts of its samples, empty if not recorded.
        scores (np.ndarray): Its distinct scores, descending.
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
            JsonError: If it is not a file of ``ROCMetric``, or has no threshold.
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
                f'{_FIELD}: {path}: best_macro_f1_threshold is {value}; expected '
                'a number, from a part with both classes and scores that '
                'separate them'
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
        """Raise a JsonError if it was chosen on the same scores that were tested.

        The part is then the same, even if its annotation file has another name.

        Args:
            summary (dict): Result of :func:`roc_summary` for the test.
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
            f'tested, {what}, which would make its figures too optimistic; choose '
            'it on the validation part: test that with mammo test --cfg-options '
            'test_dataloader.dataset.ann_file=... and give its file'
        )


def _scores(summary: dict) -> np.ndarray:
    """Return the thresholds of the curve except the first, which is infinite."""
    return np.array(summary.get('curve', {}).get('threshold', ())[1:], float)
