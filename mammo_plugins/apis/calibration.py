"""The calibration file next to a checkpoint, which gives its scores a meaning.

It contains a calibration for each score of the model, and the threshold above which an
exam is recalled. Both come from a validation part.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from mammo_plugins.evaluation.functional import CALIBRATORS
from mammo_plugins.io import JsonError, file_sha256, read_json, write_json
from mammo_plugins.structures.fields import is_number

FORMAT = 'mammo_plugins.calibration/1'

SCORES = dict(
    view=dict(
        FROCMetric='views.detections.score',
        MalignancyMetric='views.detections.malignancy',
    ),
    breast=dict(ROCMetric='breasts.malignancy'),
    pair=dict(ROCMetric='pairs.asymmetric', ViewROCMetric='views.abnormal'),
    exam=dict(ROCMetric='malignancy'),
)
"""By ``target`` of the data set: where an exam's entry in ``predictions.json`` has the
score that a metric looks at. The highest value of the first is the exam's score."""

DECIMALS = 6  # of scores in predictions.json


def scores_of(config: Config) -> dict[str, str]:
    """Return the places of a config's scores in an exam's entry, by metric.

    Args:
        config (Config): Config of a model.
    """
    loader = config.get('test_dataloader') or {}
    target = (loader.get('dataset') or {}).get('target', 'view')
    return SCORES.get(target, {})


def places(entry: dict, name: str) -> Iterator[tuple[dict, str]]:
    """Yield each dict that contains a score in an exam's entry, and its key.

    Args:
        entry (dict): As in ``exams[]`` of ``predictions.json``.
        name (str): Dotted keys to it; all items of lists in between are visited.
    """
    key, _, rest = name.partition('.')
    if not rest:
        if entry.get(key) is not None:
            yield entry, key
        return
    for each in entry.get(key) or ():
        yield from places(each, rest)


def exam_score(entry: dict, name: str) -> float | None:
    """Return the highest score of an exam.

    Args:
        entry (dict), name (str): As in :func:`places`.

    Returns:
        float or None: 0 for an exam without detections; ``None`` if nothing could be
            judged, such as a pair with a missing side.
    """
    found = [holder[key] for holder, key in places(entry, name)]
    looked_for = any('detections' in view for view in entry.get('views', ()))
    nothing = 0.0 if looked_for and name.startswith('views.detections.') else None
    return max(found, default=nothing)


class Calibration:
    """Calibrations and threshold of a checkpoint's scores.

    Args:
        facts (dict): Content of the file.
        path (str | Path, optional): The file, for error messages.

    Raises:
        JsonError: If it is not a file of ``mammo calibrate``.
    """

    def __init__(self, facts: dict[str, Any], path: str | Path | None = None) -> None:
        fault = _fault(facts)
        if fault:
            raise JsonError(
                f'{fault}; expected a file that mammo calibrate wrote, calibrate again',
                path,
            )
        self.facts = facts
        self.path = path
        self.calibrators: dict[str, Callable[[np.ndarray], np.ndarray]] = {
            name: CALIBRATORS[each['method']](**each['parameters'])
            for name, each in facts['scores'].items()
        }

    @classmethod
    def read(
        cls, path: str | Path, checkpoints: Sequence[str | Path], tta: str | None
    ) -> 'Calibration':
        """Read a file and check that it belongs to a model.

        Args:
            path (str | Path): The file.
            checkpoints (Sequence[str | Path]), tta (str, optional): The model's.

        Raises:
            FileNotFoundError: If the file does not exist.
            JsonError: If it belongs to another model, or is damaged.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(
                f'{path}: no such calibration; mammo calibrate writes it'
            )
        found = cls(read_json(path), path)
        facts = found.facts
        other = ''
        if sorted(facts['checkpoint_sha256']) != sorted(map(file_sha256, checkpoints)):
            names = ', '.join(Path(each).name for each in checkpoints)
            other = f'it is of other weights than {names}'
        elif facts['tta'] != tta:
            other = (
                f'it is of predictions with --tta {facts["tta"] or "left out"}, these '
                f'are with {tta or "it left out"}'
            )
        if other:
            raise JsonError(
                f'{other}; its probabilities and its threshold mean nothing here. '
                'Calibrate this model by mammo calibrate, or go without by '
                '--calibration none',
                path,
            )
        return found

    @property
    def operating_point(self) -> dict[str, Any] | None:
        """dict: Operating point for recalling exams, ``None`` if there is none."""
        return self.facts['operating_point']

    def write(self, path: str | Path) -> None:
        """Write the file."""
        write_json(path, self.facts)

    def apply(self, entry: dict) -> None:
        """Add calibrated scores and the recall decision to an exam's entry.

        Scores are kept; ``KEY_calibrated`` is added next to each. ``recall`` has
        ``exam_score``, ``threshold`` and ``recalled``; the last is null if nothing was
        judged.

        Args:
            entry (dict): As in ``exams[]`` of ``predictions.json``; changed in place.
        """
        point = self.operating_point
        if point is not None:
            score = exam_score(entry, point['score'])
            entry['recall'] = dict(
                exam_score=score,
                threshold=point['threshold'],
                recalled=None if score is None else score >= point['threshold'],
            )
        for name, calibrator in self.calibrators.items():
            for holder, key in list(places(entry, name)):
                probability = float(calibrator(np.array([holder[key]]))[0])
                holder[f'{key}_calibrated'] = round(probability, DECIMALS)


def calibration_path(checkpoint: str | Path) -> Path:
    """Return the calibration file next to a checkpoint.

    Args:
        checkpoint (str | Path): Such as 'epoch_6.pth'.
    """
    return Path(checkpoint).with_suffix('.calibration.json')


def calibration_of(
    checkpoints: Sequence[str | Path], tta: str | None, given: str | None = None
) -> Calibration | None:
    """Return the calibration of a model.

    Args:
        checkpoints (Sequence[str | Path]), tta (str, optional): The model's.
        given (str, optional): A file, or 'none'. Defaults to ``None``: the file next to
            the first checkpoint, if it exists.

    Raises:
        FileNotFoundError, JsonError: As in :meth:`Calibration.read`.
    """
    if given == 'none':
        return None
    beside = calibration_path(checkpoints[0])
    if given is None and not beside.is_file():
        return None
    return Calibration.read(given or beside, checkpoints, tta)


def _fault(facts: Any) -> str:
    """Return what is wrong with a file's content, '' if it is valid."""
    if not isinstance(facts, dict) or facts.get('format') != FORMAT:
        found = facts.get('format') if isinstance(facts, dict) else None
        return f'field format is {found!r}, not {FORMAT!r}'
    known = {name for names in SCORES.values() for name in names.values()}
    hashes, scores = facts.get('checkpoint_sha256'), facts.get('scores')
    if not isinstance(hashes, list) or not all(isinstance(h, str) for h in hashes):
        return f'field checkpoint_sha256 is {hashes!r}'
    if 'tta' not in facts or facts['tta'] not in (None, 'flip'):
        return f'field tta is {facts.get("tta")!r}'
    if not isinstance(scores, dict) or not set(scores) <= known:
        return f'field scores is {scores!r:.80}'
    for name, each in scores.items():
        if not isinstance(each, dict) or not _is_sound(each):
            return f'field scores.{name} is {each!r:.80}'
    point = facts.get('operating_point')
    if (
        'operating_point' not in facts
        or point is not None
        and not (
            isinstance(point, dict)
            and point.get('score') in known
            and is_number(point.get('threshold'))
        )
    ):
        return f'field operating_point is {point!r:.80}'
    return ''


def _is_sound(each: dict) -> bool:
    parameters = each.get('parameters')
    if not isinstance(parameters, dict):
        return False
    if each.get('method') == 'temperature':
        value = parameters.get('temperature')
        return set(parameters) == {'temperature'} and is_number(value) and value > 0
    columns = [parameters.get(key) for key in ('scores', 'probabilities')]
    return (
        each.get('method') == 'isotonic'
        and len(parameters) == 2
        and all(isinstance(c, list) and all(map(is_number, c)) for c in columns)
        and len(columns[0]) == len(columns[1]) > 0
        and all(column == sorted(column) for column in columns)
        and all(0 <= value <= 1 for value in columns[1])
    )
