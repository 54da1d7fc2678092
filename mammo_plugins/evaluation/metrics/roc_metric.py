"""Binary classification as metrics of MMEngine's evaluator."""

import math
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from mammo_plugins.evaluation.functional import (
    BREAST_SCORES,
    calibration_summary,
    check_operating_points,
    format_point,
    point_summary,
    probabilistic_f1_summary,
    roc_summary,
)
from mammo_plugins.evaluation.metrics.calibration_output import (
    calibration_figures,
    write_reliability,
)
from mammo_plugins.evaluation.metrics.resampling import numbered, resampling_units
from mammo_plugins.io import write_json
from mammo_plugins.registry import METRICS
from mammo_plugins.structures.multi_view_data_sample import VIEW_NAMES

from .chosen_threshold import ChosenThreshold
from .froc_metric import _name, _to_numpy


class Labelled(NamedTuple):
    """A labelled item of a data sample.

    Args:
        label (int): 0 or 1.
        score (float): Higher means positive.
        patient (Hashable): Its patient, ``None`` for unknown.
        breast (str, optional): Its breast; ``None`` if unknown or not a single one.
        exam (Hashable): Its exam, ``None`` for unknown.
        images (tuple): The ``img_id`` of each of its views.
    """

    label: int
    score: float
    patient: Hashable
    breast: str | None
    exam: Hashable = None
    images: tuple = ()


@METRICS.register_module()
class ROCMetric(BaseMetric):
    """AUC and operating points of a binary classifier.

    The metrics are ``auc`` with its 95% confidence interval ``auc_low``,
    ``auc_high`` by bootstrap over patients; ``log_loss``, the cross entropy of the
    score, which schedulers can monitor; ``brier`` and ``ece``, Brier score and expected
    calibration error of scores that are probabilities, ``brier_calibrated`` and
    ``ece_calibrated`` for a model with a calibration; ``macro_f1``, ``precision``,
    ``sensitivity`` and ``specificity`` at each operating point, as
    ``sensitivity@threshold=0.5``; and ``n_samples``, ``n_positives``. Figures that need
    both classes are NaN if one is missing.

    If every sample belongs to one breast (``laterality``, and ``exam_id`` or at least
    ``patient_id``, in the metainfo of the sample or its views), there are also ``pf1``,
    the probabilistic F1 of the RSNA competition, and ``f1_best``, the F1 at the
    threshold ``f1_best_threshold`` that is best for these breasts, each with its
    interval ``pf1_low`` and so on; and ``n_breasts``. See
    :mod:`~mammo_plugins.evaluation.functional.probabilistic_f1`.

    Samples without ``gt_label`` are ignored. The score is the second entry of a
    ``pred_score`` with two entries, or its only entry.

    Args:
        class_names (Sequence[str]): Names of negative and positive, for figure and
            log. Defaults to ('negative', 'positive').
        operating_points (Sequence[tuple]): (rule, value) as in
            :func:`~mammo_plugins.evaluation.functional.operating_threshold`.
            Defaults to a threshold of 0.5 and a specificity of 0.9.
        threshold_from (str, optional): File that this metric wrote to its ``out_dir``
            for the same model on another part, training or validation. The threshold
            with the best macro F1 there is an operating point here, ``macro_f1@chosen``
            and so on. A file of the tested part is refused. Defaults to ``None``.
        breast_score (str): Score of a breast for the probabilistic F1: 'mean' or 'max'
            of the scores of its samples. Defaults to 'mean'.
        n_bootstrap (int): Bootstrap draws of patients; 0 for no interval.
            Defaults to 1000.
        seed (int): Seed of the bootstrap. Defaults to 0.
        out_dir (str, optional): Folder for ``roc.json``, ``roc.png`` and
            ``roc_reliability.png``, named after the prefix; the file contains
            :func:`~mammo_plugins.evaluation.functional.roc_summary`, the result of
            ``probabilistic_f1_summary`` or null as ``probabilistic_f1``, that of
            ``calibration_summary`` or null as ``calibration`` (with ``calibrated`` for
            the calibrated probabilities of a model with a calibration), and columns for
            all ``samples``: ``label``, ``score``, ``images`` (the ``img_id`` of each
            view), ``patient`` and ``exam`` (numbers valid only in this file). ``part``
            names the tested annotation files, if ``EvaluationOutputHook`` provided
            them; ``chosen_on`` of the operating point names those on which its
            threshold was chosen. ``EvaluationOutputHook`` sets it if it is ``None``.
            Defaults to ``None``: no files.
        collect_device (str): As in :class:`mmengine.evaluator.BaseMetric`.
        prefix (str, optional): Prefix of the names. Defaults to None: 'roc'.
    """

    default_prefix: str | None = 'roc'

    def __init__(
        self,
        class_names: Sequence[str] = ('negative', 'positive'),
        operating_points: Sequence[tuple] = (('threshold', 0.5), ('specificity', 0.9)),
        threshold_from: str | None = None,
        breast_score: str = 'mean',
        n_bootstrap: int = 1000,
        seed: int = 0,
        out_dir: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if len(class_names) != 2:
            raise ValueError(
                f'class_names are {tuple(class_names)}, expected two: '
                'negative and positive'
            )
        if n_bootstrap < 0:
            raise ValueError(f'n_bootstrap is {n_bootstrap}, expected >= 0')
        if breast_score not in BREAST_SCORES:
            raise ValueError(
                f'breast_score is {breast_score!r}, expected one of '
                f'{tuple(BREAST_SCORES)}'
            )
        check_operating_points(operating_points)
        self.breast_score = breast_score
        self.class_names = tuple(class_names)
        self.operating_points = [tuple(point) for point in operating_points]
        self.chosen = None
        if threshold_from is not None:
            self.chosen = ChosenThreshold.read(threshold_from)
            self.operating_points.append(('chosen', self.chosen.value))
        self.part: list[str] | None = None
        # of probabilities, if the model has a calibration
        self.calibrator: Callable[[np.ndarray], np.ndarray] | None = None
        self.n_bootstrap = n_bootstrap
        self.seed = seed
        self.out_dir = out_dir

    def evaluate_part(self, part: Sequence[str]) -> None:
        """Set the part to be evaluated, before the evaluation.

        Args:
            part (Sequence[str]): The annotation files.

        Raises:
            JsonError: If the threshold of ``threshold_from`` was chosen on one of them.
        """
        self.part = list(part)
        if self.chosen is not None:
            self.chosen.refuse_part(part)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect labels and scores of a batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): With ``pred_score`` (2, ) or (1, ),
                ``gt_label`` (1, ) 0 or 1, and the meta keys ``patient_id``,
                ``exam_id`` and ``laterality``.
        """
        for sample in data_samples:
            try:
                # one result per sample: MMEngine removes padding by that count
                self.results.append(self._take(sample))
            except ValueError as error:
                raise ValueError(
                    f'{type(self).__name__}, image {_name(sample)}: {error}'
                ) from error

    def _take(self, sample: dict) -> list[Labelled]:
        if 'pred_score' not in sample:
            raise ValueError('no pred_score; the model must be a classifier')
        if 'gt_label' not in sample:
            return []
        score = _to_numpy(sample['pred_score']).reshape(-1)
        label = _to_numpy(sample['gt_label']).reshape(-1)
        if len(score) > 2 or len(label) != 1 or label[0] not in (0, 1):
            raise ValueError(
                f'pred_score of {len(score)} entries and gt_label {label.tolist()}; '
                'expected two classes and a label of 0 or 1'
            )
        return [
            Labelled(
                int(label[0]),
                self._finite(score[-1]),
                sample.get('patient_id'),
                breast_of(sample),
                sample.get('exam_id'),
                images_of(sample),
            )
        ]

    @staticmethod
    def _finite(score: float) -> float:
        if not np.isfinite(score):
            raise ValueError('a score of NaN or infinity; has the training diverged?')
        return float(score)

    def compute_metrics(self, results: list[list[Labelled]]) -> dict[str, float]:
        """Compute the figures, log them and write the files.

        Args:
            results (list): From :meth:`process`, of all ranks.

        Returns:
            dict[str, float]: See the class.
        """
        logger = MMLogger.get_current_instance()
        labelled = [entry for result in results for entry in result]
        labels, scores, patients, breasts, exams, images = (
            zip(*labelled) if labelled else ((),) * 6
        )
        patients, unit = resampling_units(self, patients, 'samples')
        data = np.array(labels, np.int64), np.array(scores, float), patients
        bootstrap = dict(
            n_bootstrap=self.n_bootstrap, seed=self.seed, resampling_unit=unit
        )
        summary = roc_summary(
            *data, operating_points=self.operating_points, **bootstrap
        )
        summary['probabilistic_f1'] = None
        if breasts and None not in breasts:
            summary['probabilistic_f1'] = probabilistic_f1_summary(
                *data, breasts, self.breast_score, **bootstrap
            )
        for point in summary['operating_points']:
            point.update(
                point_summary(
                    *data,
                    point['rule'],
                    point['value'],
                    n_bootstrap=self.n_bootstrap,
                    seed=self.seed,
                )
            )
        summary['calibration'] = calibration_summary(
            *data, n_bootstrap=self.n_bootstrap, seed=self.seed
        )
        summary['calibrated'] = self.calibrator and calibration_summary(
            data[0],
            self.calibrator(data[1]),
            patients,
            n_bootstrap=self.n_bootstrap,
            seed=self.seed,
        )
        summary['samples'] = dict(
            label=list(labels),
            score=list(scores),
            patient=numbered(patients),
            exam=numbered(exams),
            images=list(map(list, images)),
        )
        summary['part'] = self.part
        if self.chosen is not None:
            self.chosen.refuse_scores(summary)  # a copied file has another name
            summary['operating_points'][-1]['chosen_on'] = self.chosen.part
        summary['class_names'] = list(self.class_names)
        summary['rule'] = self._rule()
        logger.info('%s', self._sentence(summary))
        if self.out_dir is not None:
            self._write(summary, Path(self.out_dir))
        return _metrics(summary)

    def _rule(self) -> str:
        """Describe a sample, to be printed next to the figures."""
        return 'Each labelled data sample counts once.'

    def _sentence(self, summary: dict) -> str:
        counts, auc = summary['counts'], summary['auc']
        if auc is None:
            figures = 'AUC is not defined without both classes'
        else:
            interval = (
                ''
                if summary['auc_low'] is None
                else (
                    f', 95% CI [{summary["auc_low"]:.4f}, {summary["auc_high"]:.4f}] by '
                    f'{summary["n_bootstrap"]} bootstrap draws of '
                    f'{summary["resampling_unit"]}'
                )
            )
            if summary['no_interval']:
                interval = f', no CI: {summary["no_interval"]}'
            figures = f'AUC {auc:.4f}{interval}'
        negative, positive = self.class_names
        return (
            f'{self.prefix}: {figures}; {counts["positives"]} {positive}, '
            f'{counts["negatives"]} {negative}. {summary["rule"]}'
            f'{_points_sentence(summary)}'
            f'{_pf1_sentence(summary["probabilistic_f1"])}'
        )

    def _write(self, summary: dict, out_dir: Path) -> None:
        # loaded here: training without files needs no matplotlib
        from mammo_plugins.visualization.curves import plot_roc

        stem = self.prefix.replace('/', '_')
        write_json(out_dir / f'{stem}.json', summary)
        plot_roc({self.prefix: summary}, out_dir / f'{stem}.png')
        write_reliability(self.prefix, summary, out_dir / f'{stem}_reliability.png')


def _views_of(sample: dict) -> list[dict]:
    """Return the views of a sample: itself, its main view, or all views."""
    views = [sample[name] for name in VIEW_NAMES if name in sample] or [sample]
    return [sample['main']] if 'main' in sample else views


def images_of(sample: dict) -> tuple:
    """Return the known ``img_id`` of a sample's views.

    Args:
        sample (dict): A view, or views by name, of which the main one counts if there
            is one.
    """
    return tuple(view['img_id'] for view in _views_of(sample) if 'img_id' in view)


def breast_of(sample: dict) -> str | None:
    """Return the name of a sample's breast, ``None`` if it has none or several.

    Args:
        sample (dict): A view, or views by name, of which the main one counts if
            there is one. If it has no exam name, the patient's name is used instead.
    """
    if 'patch_box' in sample:
        return None  # part of an image: its label is not that of the breast
    views = _views_of(sample)
    names = [
        whose.get(key)
        for key in ('exam_id', 'patient_id')
        for whose in (sample, views[0])
    ]
    sides = {view.get('laterality') for view in views}
    exam, side = next((name for name in names if name is not None), None), sides.pop()
    return None if sides or None in (exam, side) else f'{exam} {side}'


def _points_sentence(summary: dict) -> str:
    """Return sensitivity and specificity at the operating points."""
    parts = [
        f' At {_point_name(point)}: {format_point(point)}.'
        for point in summary['operating_points']
        if None not in (point['sensitivity'], point['specificity'])
    ]
    few = summary['operating_points'] and summary['operating_points'][0]['warning']
    return ''.join(parts) + (f' Warning: {few}.' if few else '')


def _point_name(point: dict) -> str:
    # the chosen threshold differs between models, but its name does not
    if point['value'] is None or point['rule'] == 'chosen':
        return point['rule']
    return f'{point["rule"]}={point["value"]:g}'


def _pf1_sentence(summary: dict | None) -> str:
    if summary is None or summary['f1_best']['value'] is None:
        return ''

    def text(name: str) -> str:
        figure = summary[name]
        if figure['value'] is None:
            return 'not defined, because scores are not probabilities'
        interval = (
            ''
            if figure['low'] is None
            else (f' [{figure["low"]:.4f}, {figure["high"]:.4f}]')
        )
        return f'{figure["value"]:.4f}{interval}'

    reason = summary['no_interval'] and f'; no CI: {summary["no_interval"]}'
    return (
        f' pF1 by breast ({summary["rule"]} of its scores; {summary["positives"]} '
        f'of {summary["breasts"]} positive): {text("pf1")}; F1 at the best '
        f'threshold, {summary["threshold"]:.4f}: {text("f1_best")}{reason}.'
    )


def _metrics(summary: dict) -> dict[str, float]:
    metrics = {
        name: summary[name] for name in ('auc', 'auc_low', 'auc_high', 'log_loss')
    }
    if not summary['n_bootstrap']:
        del metrics['auc_low'], metrics['auc_high']
    for point in summary['operating_points']:
        for name in ('sensitivity', 'specificity', 'precision', 'macro_f1'):
            metrics[f'{name}@{_point_name(point)}'] = point[name]
    metrics.update(
        n_samples=summary['counts']['samples'],
        n_positives=summary['counts']['positives'],
    )
    metrics.update(calibration_figures(summary))
    by_breast = summary['probabilistic_f1']
    if by_breast:
        for name in ('pf1', 'f1_best'):
            metrics[name] = by_breast[name]['value']
            if summary['n_bootstrap']:
                metrics[f'{name}_low'] = by_breast[name]['low']
                metrics[f'{name}_high'] = by_breast[name]['high']
        metrics.update(
            f1_best_threshold=by_breast['threshold'], n_breasts=by_breast['breasts']
        )
    return {k: math.nan if v is None else float(v) for k, v in metrics.items()}
