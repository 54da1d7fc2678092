"""Binary classification as metrics of MMEngine's evaluator."""

import math
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from mammo_plugins.evaluation.functional import (
    BREAST_SCORES,
    UNKNOWN,
    check_operating_points,
    label_detections,
    probabilistic_f1_summary,
    roc_summary,
    select_detections,
)
from mammo_plugins.evaluation.metrics.resampling import resampling_units
from mammo_plugins.io import write_json
from mammo_plugins.registry import METRICS
from mammo_plugins.structures.multi_view_data_sample import VIEW_NAMES

from .chosen_threshold import ChosenThreshold
from .froc_metric import _instances, _name, _to_numpy

Result = list[tuple[int, float, Hashable, str | None]]
"""Of one data sample: (label, score, patient, breast) of what it holds that is
labelled, the breast ``None`` where it is not known or there is not one."""


@METRICS.register_module()
class ROCMetric(BaseMetric):
    """AUC and operating points of a binary classifier.

    The metrics are ``auc`` with its 95% confidence interval ``auc_low``,
    ``auc_high`` by bootstrap over patients; ``log_loss``, the cross entropy of the
    score, which schedulers may watch; ``macro_f1``, ``precision``, ``sensitivity``
    and ``specificity`` at each operating point, as ``sensitivity@threshold=0.5``;
    and ``n_samples``, ``n_positives``. What needs both classes is NaN without one.

    Where every sample is of one breast (``laterality``, and ``exam_id`` or at least
    ``patient_id``, in the metainfo, its own or of its views), there are also ``pf1``, the probabilistic F1 of the RSNA
    competition, and ``f1_best``, the F1 at the threshold that is best for these
    breasts, ``f1_best_threshold``, each with its interval ``pf1_low`` and so on; and
    ``n_breasts``. See
    :mod:`~mammo_plugins.evaluation.functional.probabilistic_f1`.

    Samples without ``gt_label`` are left out. The score of ``pred_score`` with two
    entries is the second's, that of one entry is itself.

    Args:
        class_names (Sequence[str]): Names of negative and positive, for figure and
            log. Defaults to ('negative', 'positive').
        operating_points (Sequence[tuple]): (rule, value) as in
            :func:`~mammo_plugins.evaluation.functional.operating_threshold`.
            Defaults to a threshold of 0.5 and a specificity of 0.9.
        threshold_from (str, optional): File that this metric wrote of the same
            model's scores on another part, training or validation, to its
            ``out_dir``. The threshold with the best macro F1 there is an operating
            point here, ``macro_f1@chosen`` and so on. A file of the part that is
            tested is refused. Defaults to ``None``.
        breast_score (str): What of the scores of a breast's samples is the score of
            the breast, for the probabilistic F1: 'mean' or 'max'. Defaults to 'mean'.
        n_bootstrap (int): Draws of the bootstrap over patients; 0 for no interval.
            Defaults to 1000.
        seed (int): Seed of the bootstrap. Defaults to 0.
        out_dir (str, optional): Folder for ``roc.json`` and ``roc.png``, named for
            the prefix; the file holds
            :func:`~mammo_plugins.evaluation.functional.roc_summary`, and as
            ``probabilistic_f1`` that of ``probabilistic_f1_summary`` or null;
            ``part`` names the annotation files tested, as far as
            ``EvaluationOutputHook`` told them, and so does ``chosen_on`` of the
            operating point for those that its threshold was chosen on.
            ``EvaluationOutputHook`` sets it where it is ``None``. Defaults to
            ``None``: no files.
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
        self.n_bootstrap = n_bootstrap
        self.seed = seed
        self.out_dir = out_dir

    def evaluate_part(self, part: Sequence[str]) -> None:
        """Say what is evaluated, before anything is.

        Args:
            part (Sequence[str]): The annotation files.

        Raises:
            JsonError: If the threshold of ``threshold_from`` was chosen on one.
        """
        self.part = list(part)
        if self.chosen is not None:
            self.chosen.refuse_part(part)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Take labels and scores of a batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): With ``pred_score`` (2, ) or (1, ),
                ``gt_label`` (1, ) 0 or 1, and the meta keys ``patient_id``,
                ``exam_id`` and ``laterality``.
        """
        for sample in data_samples:
            try:
                # one result a sample: MMEngine cuts padding by that count
                self.results.append(self._take(sample))
            except ValueError as error:
                raise ValueError(
                    f'{type(self).__name__}, image {_name(sample)}: {error}'
                ) from error

    def _take(self, sample: dict) -> Result:
        if 'pred_score' not in sample:
            raise ValueError('no pred_score; the model has to be a classifier')
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
            (
                int(label[0]),
                self._finite(score[-1]),
                sample.get('patient_id'),
                _breast(sample),
            )
        ]

    @staticmethod
    def _finite(score: float) -> float:
        if not np.isfinite(score):
            raise ValueError('a score of NaN or infinity; has the training diverged?')
        return float(score)

    def compute_metrics(self, results: list[Result]) -> dict[str, float]:
        """Compute the figures, log them and write the files.

        Args:
            results (list): From :meth:`process`, of all ranks.

        Returns:
            dict[str, float]: See the class.
        """
        logger = MMLogger.get_current_instance()
        labelled = [entry for result in results for entry in result]
        labels, scores, patients, breasts = zip(*labelled) if labelled else ((),) * 4
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
        summary['part'] = self.part
        if self.chosen is not None:
            self.chosen.refuse_scores(summary)  # a copy has another name
            summary['operating_points'][-1]['chosen_on'] = self.chosen.part
        summary['class_names'] = list(self.class_names)
        summary['rule'] = self._rule()
        logger.info('%s', self._sentence(summary))
        if self.out_dir is not None:
            self._write(summary, Path(self.out_dir))
        return _metrics(summary)

    def _rule(self) -> str:
        """What a sample is, for print beside the numbers."""
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
            f'{_pf1_sentence(summary["probabilistic_f1"])}'
        )

    def _write(self, summary: dict, out_dir: Path) -> None:
        # loaded here: training without files needs no matplotlib
        from mammo_plugins.visualization.curves import plot_roc

        stem = self.prefix.replace('/', '_')
        write_json(out_dir / f'{stem}.json', summary)
        plot_roc({self.prefix: summary}, out_dir / f'{stem}.png')


def _breast(sample: dict) -> str | None:
    """Name the one breast that a sample is of, ``None`` if it is of none or several.

    Args:
        sample (dict): A view, or views by name, of which the main one counts if
            there is one. Without the name of its exam the patient's stands for it.
    """
    if 'patch_box' in sample:
        return None  # part of an image: its label is not the breast's
    views = [sample[name] for name in VIEW_NAMES if name in sample] or [sample]
    views = [sample['main']] if 'main' in sample else views
    names = [
        whose.get(key)
        for key in ('exam_id', 'patient_id')
        for whose in (sample, views[0])
    ]
    sides = {view.get('laterality') for view in views}
    exam, side = next((name for name in names if name is not None), None), sides.pop()
    return None if sides or None in (exam, side) else f'{exam} {side}'


def _pf1_sentence(summary: dict | None) -> str:
    if summary is None or summary['f1_best']['value'] is None:
        return ''

    def text(name: str) -> str:
        figure = summary[name]
        if figure['value'] is None:
            return 'not defined, for scores are no probabilities'
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
        # the chosen one differs from model to model, its name not
        at = (
            point['rule']
            if point['value'] is None or point['rule'] == 'chosen'
            else (f'{point["rule"]}={point["value"]:g}')
        )
        for name in ('sensitivity', 'specificity', 'precision', 'macro_f1'):
            metrics[f'{name}@{at}'] = point[name]
    metrics.update(
        n_samples=summary['counts']['samples'],
        n_positives=summary['counts']['positives'],
    )
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


@METRICS.register_module()
class MalignancyMetric(ROCMetric):
    """AUC over the patches that a detector found and classified.

    MommiNet-v2, sections 3.8 and 4.2: a detection takes the label of the lesion
    with which its IoU is at least 0.5, any other is not malignant
    (:func:`~mammo_plugins.evaluation.functional.label_detections`). Detections on
    a lesion of unknown pathology or in an ignored region are left out. A malignant
    lesion that the detector missed is not counted: read the figure beside recall.

    The paper does not say which detections it classifies, and the AUC hangs on
    it, since low scores add negatives that are easy. ``PatchDataset`` takes the
    same two arguments with the same defaults.

    Args:
        max_detections (int, optional): Most detections of an image, highest scores
            first; ``None`` for all. Defaults to 2, the largest number of false
            positives an image at which the paper reads recall.
        min_score (float): Least score of a detection. Defaults to 0.
        iou_thr (float): Least IoU with a lesion. Defaults to 0.5.
        class_names (Sequence[str]): Defaults to ('not malignant', 'malignant').
        prefix (str, optional): Defaults to None: 'malignancy'.
        **kwargs: As in :class:`ROCMetric`.
    """

    default_prefix: str | None = 'malignancy'

    def __init__(
        self,
        max_detections: int | None = 2,
        min_score: float = 0.0,
        iou_thr: float = 0.5,
        class_names: Sequence[str] = ('not malignant', 'malignant'),
        **kwargs,
    ) -> None:
        super().__init__(class_names=class_names, **kwargs)
        self.max_detections = max_detections
        self.min_score = min_score
        self.iou_thr = iou_thr

    def _rule(self) -> str:
        most = (
            'all' if self.max_detections is None else (f'at most {self.max_detections}')
        )
        return (
            f'Counted are {most} detections an image of score >= '
            f'{self.min_score:g}; one has the label of the lesion with which '
            f'its IoU is >= {self.iou_thr:g}, others are not malignant; '
            'missed lesions do not count.'
        )

    def _take(self, sample: dict) -> Result:
        """Label the detections of an image.

        Args:
            sample (dict): With ``pred_instances`` (``bboxes`` (n, 4), ``scores``,
                ``malignancy`` (n, )), ``gt_instances`` (``bboxes`` (m, 4)),
                ``ignored_instances`` (may be absent) in one frame, and the meta
                keys ``patient_id`` and ``lesion_pathology``, m entries of
                'malignant', 'benign' or ``None``.
        """
        found = _instances(sample, 'pred_instances')
        lesions = _to_numpy(_instances(sample, 'gt_instances')['bboxes'])
        if 'malignancy' not in found:
            raise ValueError(
                'the detections have no malignancy; the model needs a '
                'malignancy classifier'
            )
        pathologies = sample.get('lesion_pathology')
        if pathologies is None or len(pathologies) != len(lesions):
            raise ValueError(
                f'lesion_pathology is {pathologies} for {len(lesions)} lesions; '
                'PackExamInputs writes it, where the test pipeline filters out no '
                'annotation'
            )
        chosen = select_detections(
            _to_numpy(found['scores']), self.min_score, self.max_detections
        )
        ignored = sample.get('ignored_instances', {}).get('bboxes')
        labels = label_detections(
            _to_numpy(found['bboxes'])[chosen],
            lesions,
            pathologies,
            [None] * len(lesions),
            None if ignored is None else _to_numpy(ignored),
            iou_thr=self.iou_thr,
        ).malignant
        malignancy = _to_numpy(found['malignancy'])[chosen]
        # no breast: missed lesions are not in it
        return [
            (int(label), self._finite(score), sample.get('patient_id'), None)
            for label, score in zip(labels, malignancy)
            if label != UNKNOWN
        ]


@METRICS.register_module()
class ViewROCMetric(ROCMetric):
    """AUC over the views of samples of several views.

    As :class:`ROCMetric`, with a score and a label of each view, such as the
    abnormality of each side in DisAsymNet (table 1).

    Args:
        prefix (str, optional): Prefix of the names. Defaults to None: 'abnormal'.
        **kwargs: As in :class:`ROCMetric`.
    """

    default_prefix: str | None = 'abnormal'

    def _rule(self) -> str:
        return 'Each labelled view counts once.'

    def _take(self, sample: dict) -> Result:
        """Take the views' scores.

        Args:
            sample (dict): With views by name, each with ``pred_score`` (2, ) and
                the meta keys ``gt_label`` (int or ``None``), ``exam_id`` and
                ``laterality``; and ``patient_id``.
        """
        views = [sample[name] for name in VIEW_NAMES if name in sample]
        if not any('pred_score' in view for view in views):
            raise ValueError(
                'no view has a pred_score; the model has to classify views'
            )
        return [
            (
                int(view['gt_label']),
                self._finite(_to_numpy(view['pred_score']).reshape(-1)[-1]),
                sample.get('patient_id'),
                _breast(view),
            )
            for view in views
            if view.get('gt_label') is not None
        ]
