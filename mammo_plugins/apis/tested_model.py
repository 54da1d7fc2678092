"""What a test's result files state of the tested model and annotations."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import master_only
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mammo_plugins.engine.hooks.evaluation_output_hook import annotation_files
from mammo_plugins.io import file_sha256, read_json, write_json

from .calibration import Calibration, scores_of
from .config_loading import ConfigError


def metric_file(metric: BaseMetric) -> Path | None:
    """Return the JSON file that a metric wrote, ``None`` if there is none.

    Args:
        metric (BaseMetric): The metric, after its evaluation.
    """
    folder, prefix = getattr(metric, 'out_dir', None), metric.prefix
    if not folder or not prefix:
        return None
    path = Path(folder) / f'{prefix.replace("/", "_")}.json'
    return path if path.is_file() else None


def tested_files(runner: Runner) -> list[str]:
    """Return the resolved annotation files of the test part.

    Args:
        runner (Runner): Runner of the test.
    """
    found = annotation_files(runner.test_loop.dataloader.dataset)
    return [str(Path(path).resolve()) for path in found]


class TestedModelHook(Hook):
    """Add ``tested`` to the metrics' files: the model, its score and the annotations.

    Args:
        checkpoints (Sequence[str | Path]), tta (str, optional): The model's.
    """

    __test__ = False  # not a test for pytest

    def __init__(self, checkpoints: Sequence[str | Path], tta: str | None) -> None:
        self.checkpoints = [*map(Path, checkpoints)]
        self.tta = tta

    @master_only
    def after_test(self, runner: Runner) -> None:
        """Write the facts."""
        names, part = scores_of(runner.cfg), tested_files(runner)
        facts = dict(
            checkpoint=[path.name for path in self.checkpoints],
            checkpoint_sha256=[*map(file_sha256, self.checkpoints)],
            tta=self.tta,
            part=part,
            part_sha256=[*map(file_sha256, part)],
        )
        for metric in runner.test_loop.evaluator.metrics:
            path = metric_file(metric)
            if path is not None:
                score = names.get(type(metric).__name__)
                tested = dict(score=score, **facts)
                write_json(path, dict(read_json(path), tested=tested))


def refuse_other_annotations(
    summary: dict[str, Any], result: str | Path, annotations: str | Path
) -> None:
    """Refuse annotations other than those that were tested.

    Ids cannot show this, because every part may number its images from 1. The same file
    may have moved, or gained columns: its path or its content must be that of the test.

    Args:
        summary (dict): Content of a metric's file.
        result (str | Path), annotations (str | Path): The file, and the annotations.

    Raises:
        ConfigError: If they do not belong together, or the file does not state it.
    """
    tested = _tested(summary)
    part = tested.get('part') or summary.get('part')
    if not isinstance(part, list) or not part or not all(map(_is_text, part)):
        raise ConfigError(
            f'{result}: field tested.part is missing: it does not state which '
            'annotation file was tested; run mammo test again'
        )
    same = [str(Path(each).resolve()) for each in part] == [
        str(Path(annotations).resolve())
    ]
    if not same and tested.get('part_sha256') != [file_sha256(annotations)]:
        raise ConfigError(
            f'{result}: {", ".join(part)} was tested, not {annotations}; give the '
            'annotation file that was tested'
        )


def refuse_other_calibration(
    summary: dict[str, Any], result: str | Path, calibration: Calibration
) -> None:
    """Refuse a calibration of another model or another of its scores.

    Args:
        summary (dict): Content of a metric's file.
        result (str | Path): The file.
        calibration (Calibration): The calibration, with an operating point.

    Raises:
        ConfigError: If they do not belong together, or the file does not state it, or
            the calibration has no threshold.
    """
    tested, facts = _tested(summary), calibration.facts
    hashes, point = tested.get('checkpoint_sha256'), calibration.operating_point
    if not isinstance(hashes, list) or not all(map(_is_text, hashes)):
        raise ConfigError(
            f'{result}: field tested.checkpoint_sha256 is missing: it does not state '
            'which model was tested; run mammo test again'
        )
    if point is None:
        raise ConfigError(
            f'{calibration.path}: operating_point is null: it has no threshold; '
            'calibrate again with another --operating-point, or give --threshold'
        )
    other = ''
    if sorted(hashes) != sorted(facts['checkpoint_sha256']):
        other = 'other checkpoints'
    elif tested.get('tta') != facts['tta']:
        other = (
            f'--tta {facts["tta"] or "none"} (the test: {tested.get("tta") or "none"})'
        )
    elif tested.get('score') != point['score']:
        other = f'another score, {point["score"]} (the test: {tested.get("score")})'
    if other:
        raise ConfigError(
            f'{calibration.path}: this calibration is for {other}, so its threshold '
            f'means nothing for {result}; give the calibration of the tested model, or '
            '--threshold'
        )


def _tested(summary: dict[str, Any]) -> dict[str, Any]:
    found = summary.get('tested')
    return found if isinstance(found, dict) else {}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
