"""Fitting a calibration and choosing a threshold on a validation part."""

import copy
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mammo_plugins.evaluation.functional import (
    CALIBRATORS,
    brier_score,
    expected_calibration_error,
    few_cases,
    format_point,
    merge_breasts,
    point_summary,
)
from mammo_plugins.io import file_sha256, read_json, write_json
from mammo_plugins.version import __version__

from .calibration import DECIMALS, FORMAT, Calibration, scores_of
from .config_loading import ConfigError
from .ensembles import EnsembleHook
from .tested_model import metric_file, tested_files


def on_validation_part(cfg: Config) -> Config:
    """Return a config that tests on its validation part.

    Args:
        cfg (Config): Config of a model.

    Raises:
        ConfigError: If it has no validation part, or none of its scores can be
            calibrated.
    """
    if cfg.get('val_dataloader') is None or cfg.get('test_dataloader') is None:
        raise ConfigError(
            f'{cfg.filename}: no val_dataloader or no test_dataloader; '
            'calibration needs a part that is neither trained on nor tested'
        )
    if not scores_of(cfg):
        raise ConfigError(
            f'{cfg.filename}: test_dataloader.dataset.target: nothing of its scores is '
            'known; expected view, breast, pair or exam'
        )
    cfg = copy.deepcopy(cfg)
    cfg.test_dataloader = copy.deepcopy(cfg.val_dataloader)
    return cfg


def predict_samples(
    cfg: Config, hook: EnsembleHook
) -> tuple[dict[str, dict], list[str] | None]:
    """Run a model and return the labels and scores of its samples.

    Args:
        cfg (Config): Config of :func:`on_validation_part`, with its checkpoint.
        hook (EnsembleHook): Further models of the ensemble.

    Returns:
        tuple: Contents of the metrics' files by name of the score
            (:data:`~.calibration.SCORES`), and the annotation files.

    Raises:
        ConfigError: If no metric of ``test_evaluator`` uses such a score.
    """
    runner = Runner.from_cfg(cfg)
    runner.register_hook(hook)
    names = scores_of(cfg)
    metrics: dict[str, BaseMetric] = {}
    for metric in runner.test_evaluator.metrics:
        name = names.get(type(metric).__name__)
        if name is not None:
            metrics.setdefault(name, metric)
    if not metrics:
        raise ConfigError(
            f'{cfg.filename}: test_evaluator has no {" or ".join(names)}, which '
            'defines the labels of the scores'
        )
    # in order of importance
    metrics = {name: metrics[name] for name in names.values() if name in metrics}
    runner.test_evaluator.metrics = list(metrics.values())
    with tempfile.TemporaryDirectory() as folder:
        for name, metric in metrics.items():
            metric.out_dir = str(Path(folder) / name)
            metric.n_bootstrap = 0
            if hasattr(metric, 'keep_detections'):
                metric.keep_detections = True
        runner.test()
        found = {
            name: read_json(next(Path(folder, name).glob('*.json'))) for name in metrics
        }
    return found, tested_files(runner) or None


def _columns(summary: dict) -> tuple[list[int], list[float], list[Any]]:
    """Return labels, scores and patients of a metric's samples."""
    samples = summary['samples']
    if 'detections' not in summary:
        return samples['label'], samples['score'], samples['patient']
    found = summary['detections']
    owners = [samples['patient'][i] for i in found['image']]
    return found['label'], found['score'], owners


def fit_score(summary: dict, method: str) -> dict[str, Any]:
    """Fit the calibration of one score.

    Args:
        summary (dict): Content of its metric's file.
        method (str): One of ``CALIBRATORS``.

    Returns:
        dict: ``method``, ``parameters``; counts ``samples``, ``positives``,
        ``patients``; ``brier`` and ``ece`` before and after, on the same samples;
        ``warning`` if there are few cases.

    Raises:
        ValueError: If a class has no sample, or scores are not probabilities.
    """
    labels, scores, patients = _columns(summary)
    positive, values = np.array(labels, bool), np.array(scores, float)
    fitted = CALIBRATORS[method].fit(positive, values)
    after = fitted(values)
    return dict(
        method=method,
        parameters=fitted.parameters(),
        samples=len(values),
        positives=int(positive.sum()),
        patients=len(set(patients)),
        brier=[brier_score(positive, each) for each in (values, after)],
        ece=[expected_calibration_error(positive, each) for each in (values, after)],
        warning=few_cases(positive, patients),
    )


def choose_point(
    summary: dict, rule: str, value: float | None, n_bootstrap: int = 1000
) -> dict[str, Any]:
    """Choose the threshold above which exams are recalled.

    An exam's score is the highest of its samples; it is positive if one of them is.

    Args:
        summary (dict): Content of the metric's file.
        rule (str), value (float, optional): As in
            :func:`~mammo_plugins.evaluation.functional.operating_threshold`.
        n_bootstrap (int): Bootstrap draws of patients for the intervals. Defaults to
            1000.

    Returns:
        dict: As from :func:`~mammo_plugins.evaluation.functional.point_summary`, with a
            ``threshold`` of ``None`` if there is none by the rule.

    Raises:
        ValueError: If samples do not state their exam.
    """
    samples = summary['samples']
    known = [i for i, label in enumerate(samples['label']) if label is not None]
    labels, scores, patients, exams = (
        [samples[key][i] for i in known]
        for key in ('label', 'score', 'patient', 'exam')
    )
    if None in exams:
        raise ValueError(
            f'{exams.count(None)} of {len(exams)} samples do not state their '
            "exam; add exam_id to the meta_keys of the test pipeline's last step"
        )
    positive, merged, first = merge_breasts(
        labels, np.round(scores, DECIMALS), exams, 'max'
    )
    return point_summary(
        positive, merged, [patients[i] for i in first], rule, value, n_bootstrap
    )


def calibrate(
    cfg: Config,
    checkpoints: Sequence[str],
    hook: EnsembleHook,
    tta: str | None,
    method: str,
    rule: str,
    value: float | None,
) -> tuple[Calibration, str]:
    """Calibrate a model on its validation part.

    Args:
        cfg (Config): As in :func:`predict_samples`.
        checkpoints (Sequence[str]): Checkpoints of all models in the ensemble.
        hook (EnsembleHook), tta (str, optional): The ensemble and its test-time
            augmentation.
        method (str): One of ``CALIBRATORS``.
        rule (str), value (float, optional): As in :func:`choose_point`.

    Returns:
        tuple[Calibration, str]: The calibration, and why it has no operating point, ''
            if it has one.

    Raises:
        ConfigError: If the part does not allow a calibration.
    """
    found, part = predict_samples(cfg, hook)
    scores, where = {}, ', '.join(part or [str(cfg.filename)])
    for name, summary in found.items():
        try:
            scores[name] = fit_score(summary, method)
        except ValueError as error:
            raise ConfigError(
                f'{where}: {name}: {error}{_remedy(_columns(summary)[0])}'
            ) from None
    primary = next(iter(found))
    try:
        point = choose_point(found[primary], rule, value)
    except ValueError as error:
        raise ConfigError(f'{where}: {primary}: {error}') from None
    calibration = Calibration(
        dict(
            format=FORMAT,
            version=__version__,
            config=Path(cfg.filename or '').name,
            checkpoint=[Path(path).name for path in checkpoints],
            checkpoint_sha256=[file_sha256(path) for path in checkpoints],
            tta=tta,
            part=part,
            scores=scores,
            operating_point=(
                None if point['threshold'] is None else dict(score=primary, **point)
            ),
        )
    )
    return calibration, _lacking(point)


def _lacking(point: dict[str, Any]) -> str:
    """Return why a point of :func:`choose_point` has no threshold."""
    if point['threshold'] is not None:
        return ''
    positives, negatives = point['positives'], point['samples'] - point['positives']
    if not positives or not negatives:
        return (
            f'no operating point: {positives} positive and {negatives} negative exams; '
            f'it needs both{_remedy([1] * positives + [0] * negatives)}'
        )
    rule = point['rule'].replace('_', '-')
    at = rule if point['value'] is None else f'{rule} {point["value"]:g}'
    return (
        f'no threshold calls any exam at {at}; choose another --operating-point. Until '
        'then no exam is recalled'
    )


def _remedy(labels: Sequence[int | None]) -> str:
    """Return what to do if the validation part lacks a class, '' if it has both."""
    lacking = {0, 1} - set(labels)
    if not lacking:
        return ''
    which = 'lesions that the model finds' if 1 in lacking else 'exams without lesions'
    return (
        '. Calibration uses the validation part: set val_dataloader.dataset.ann_file '
        f'to a part that has {which}'
    )


class CalibrationHook(Hook):
    """Apply a calibration and its threshold to the test part.

    Metrics also report Brier score and expected calibration error of calibrated
    probabilities. ``recall`` in the file of the first metric describes the exams at the
    threshold.

    Args:
        calibration (Calibration): The model's calibration.
    """

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration

    def _metrics(self, runner: Runner) -> Iterator[tuple[str, BaseMetric]]:
        names = scores_of(runner.cfg)
        for metric in runner.test_loop.evaluator.metrics:
            if type(metric).__name__ in names:
                yield names[type(metric).__name__], metric

    def before_test(self, runner: Runner) -> None:
        """Give each metric the calibration of its score."""
        for name, metric in self._metrics(runner):
            if hasattr(metric, 'calibrator'):
                metric.calibrator = self.calibration.calibrators.get(name)
        fitted = set(map(_real, self.calibration.facts['part'] or ()))
        both = [path for path in tested_files(runner) if path in fitted]
        if both:
            runner.logger.warning(
                f'{self.calibration.path}: was fitted on {", ".join(both)}, which is '
                'tested; '
                'figures of calibrated scores and at its threshold are too good'
            )

    @master_only
    def after_test(self, runner: Runner) -> None:
        """Log the performance at the threshold and add it to the file."""
        point = self.calibration.operating_point
        for name, metric in self._metrics(runner):
            path = metric_file(metric)
            if point is None or name != point['score'] or path is None:
                continue
            summary = read_json(path)
            try:
                found = choose_point(summary, 'chosen', point['threshold'])
            except ValueError as error:
                runner.logger.warning(f'{path}: no exams at the threshold: {error}')
                return
            write_json(path, dict(summary, recall=found))
            runner.logger.info(
                f'{found["samples"]} exams, {found["positives"]} positive, recalled '
                f'where {name} >= {point["threshold"]:g} of '
                f'{self.calibration.path}: {format_point(found)}'
                + (f'. Warning: {found["warning"]}' if found['warning'] else '')
            )
            return


def _real(path: str) -> str:
    return str(Path(path).resolve())
