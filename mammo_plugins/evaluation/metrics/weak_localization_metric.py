"""Segmentation and localization by heat maps as a metric of MMEngine's evaluator."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from mammo_plugins.evaluation.functional import (
    CAM_SWEEP,
    CAM_THRESHOLD,
    TIOR_THRESHOLDS,
    TIOU_THRESHOLDS,
    Overlap,
    binarise,
    box_mask,
    check_cam_rule,
    localization_summary,
    max_hit,
    region_overlap,
)
from mammo_plugins.evaluation.metrics.resampling import resampling_units
from mammo_plugins.io import write_json
from mammo_plugins.registry import METRICS
from mammo_plugins.structures import LATERALITIES, segmentation_to_mask

from .froc_metric import _name, _to_numpy, _to_rle

_TITLES = dict(
    iou='IoU',
    ior='IoR',
    iod='IoD',
    dice='Dice',
    mean_tiou='mean TIoU',
    mean_tior='mean TIoR',
    mean_tiod='mean TIoD',
    max_hit='maxima in a lesion',
)


# not a named tuple: MMEngine converts tuples in results to plain ones
@dataclass(frozen=True)
class ImageResult:
    """Stored results of an image.

    Attributes:
        overlap (Overlap, optional): ``None`` without a lesion.
        ignored (bool): Whether it has ignored regions.
        found (bool): Whether anything was detected.
        patient (Hashable): Its patient, ``None`` if unknown.
        max_hit (float, optional): Whether the maximum of its heat map hits; ``None``
            without a lesion or a map.
        sweep (tuple[Overlap]): Overlap at each threshold of the sweep; empty if
            ``max_hit`` is ``None``.
    """

    overlap: Overlap | None
    ignored: bool
    found: bool
    patient: Hashable
    max_hit: float | None = None
    sweep: tuple[Overlap, ...] = ()


@METRICS.register_module()
class WeakLocalizationMetric(BaseMetric):
    """Overlap of a classifier's heat maps with the lesions (DisAsymNet, table 2).

    The rule is documented in :mod:`mammo_plugins.evaluation.functional.localization`
    and logged with the figures. The metrics are ``iou``, ``ior``, ``dice``,
    ``mean_tiou``, ``mean_tior``, and ``iod`` and ``mean_tiod``, which are IoR and mean
    TIoR as in the code of the paper's reference [11], and ``max_hit``, the share of
    images whose heat map has its maximum in a lesion; each with its 95% confidence
    interval ``iou_low``, ``iou_high`` by bootstrap over patients; and ``n_images``,
    ``n_abnormal``. The figures at other thresholds are logged and in the file for
    information, not for choosing a threshold. Only images with a lesion count; without
    any, all figures are NaN.

    The lesions must be in pixels of the network's input, like the heat maps, so the
    test pipeline must load the annotations before it resizes the image. A lesion
    without a mask is represented by its box. But when masks are loaded, mmdet ignores
    lesions without one. Use ``LoadAnnotations(with_mask=False)`` if a data set has only
    boxes for some of its lesions.

    Args:
        cam_rule (str): Rule that binarizes a heat map: 'minmax', 'max' or 'absolute',
            as in :func:`~mammo_plugins.evaluation.functional.binarise`. Defaults to
            'minmax'.
        cam_threshold (float): Its threshold. Defaults to 0.4 + ln(999) / 100, about
            0.469, that of the paper's reference [11].
        sweep_thresholds (Sequence[float]): Other thresholds to report. Defaults to
            0.47, 0.5, 0.6, ..., 0.9.
        tiou_thresholds (Sequence[float]): Thresholds for mean TIoU. Defaults to 0.1,
            0.2, ..., 0.7.
        tior_thresholds (Sequence[float]): Thresholds for mean TIoR and TIoD. Defaults
            to 0.1, 0.25, 0.5, 0.75 and 0.9.
        views (Sequence[str]): Views of a ``MultiViewDataSample`` that count; a sample
            without any of them is treated as a single image. Defaults to ('R', 'L').
        n_bootstrap (int): Bootstrap draws of patients; 0 for no intervals.
            Defaults to 1000.
        seed (int): Seed of the bootstrap. Defaults to 0.
        out_dir (str, optional): Folder for ``localization.json``, named after the
            prefix; the file contains
            :func:`~mammo_plugins.evaluation.functional.localization_summary`.
            ``EvaluationOutputHook`` sets it if it is ``None``. Defaults to ``None``:
            no file.
        collect_device (str): As in :class:`mmengine.evaluator.BaseMetric`.
        prefix (str, optional): Prefix of the names. Defaults to None:
            'localization'.
    """

    default_prefix: str | None = 'localization'

    def __init__(
        self,
        cam_rule: str = 'minmax',
        cam_threshold: float = CAM_THRESHOLD,
        sweep_thresholds: Sequence[float] = CAM_SWEEP,
        tiou_thresholds: Sequence[float] = TIOU_THRESHOLDS,
        tior_thresholds: Sequence[float] = TIOR_THRESHOLDS,
        views: Sequence[str] = LATERALITIES,
        n_bootstrap: int = 1000,
        seed: int = 0,
        out_dir: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        for threshold in (cam_threshold, *sweep_thresholds):
            check_cam_rule(cam_rule, threshold)
        for name, thresholds in (
            ('tiou_thresholds', tiou_thresholds),
            ('tior_thresholds', tior_thresholds),
        ):
            if not len(thresholds) or not all(0 <= t < 1 for t in thresholds):
                raise ValueError(
                    f'{name} is {thresholds}, expected one or more '
                    'values from 0 to below 1'
                )
        if n_bootstrap < 0:
            raise ValueError(f'n_bootstrap is {n_bootstrap}, expected >= 0')
        self.cam_rule = cam_rule
        self.cam_threshold = float(cam_threshold)
        self.sweep_thresholds = tuple(sweep_thresholds)
        self.tiou_thresholds = tuple(tiou_thresholds)
        self.tior_thresholds = tuple(tior_thresholds)
        self.views = tuple(views)
        self.n_bootstrap = n_bootstrap
        self.seed = seed
        self.out_dir = out_dir
        self._warned = False

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Measure the images of a batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): Multi-view or single-view samples. Each
                view has ``heat_map`` (H, W), at least 0, in pixels of the network's
                input; ``gt_instances`` and ``ignored_instances`` (may be absent)
                with ``masks`` (n, H, W) or ``bboxes`` (n, 4) xyxy; and the meta key
                ``patient_id``, of the view or the sample.

        Raises:
            ValueError: If a heat map is missing, differs in shape from the image or its
                masks, or contains NaN, infinity or negative values.
        """
        for sample in data_samples:
            # one result per sample: MMEngine removes padding by that count
            self.results.append(
                [
                    self._measure(view, sample.get('patient_id'))
                    for view in self._views(sample)
                ]
            )

    def _views(self, sample: dict) -> list[dict]:
        """Return the views of a sample that count."""
        return [sample[name] for name in self.views if name in sample] or [sample]

    def _measure(self, view: dict, patient: Hashable) -> ImageResult:
        try:
            detected, lesions, ignored = self._regions(view)
            overlap, swept = None, (None, ())
            if lesions is not None:
                overlap = region_overlap(detected, lesions, ignored)
                swept = self._sweep(view, lesions, ignored)
        except ValueError as error:
            raise ValueError(
                f'{type(self).__name__}, image {_name(view)}: {error}'
            ) from error
        return ImageResult(
            overlap,
            ignored is not None,
            bool(detected.any()),
            view.get('patient_id', patient),
            *swept,
        )

    def _sweep(
        self, view: dict, lesions: np.ndarray, ignored: np.ndarray | None
    ) -> tuple[float | None, tuple[Overlap, ...]]:
        """Return whether a heat map's maximum hits, and the overlap by threshold."""
        heat_map = _to_numpy(view['heat_map'])
        return max_hit(heat_map, lesions, ignored), tuple(
            region_overlap(
                binarise(heat_map, self.cam_rule, threshold), lesions, ignored
            )
            for threshold in self.sweep_thresholds
        )

    def _regions(
        self, view: dict
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Return detected, lesion and ignored pixels, bool (H, W) or ``None``."""
        detected = self._detected(view)
        lesions = instance_masks(view, 'gt_instances', detected.shape)
        ignored = instance_masks(view, 'ignored_instances', detected.shape)
        self._warn_of_boxes(view, detected.shape)
        return (
            detected,
            lesions.any(axis=0) if len(lesions) else None,
            ignored.any(axis=0) if len(ignored) else None,
        )

    def _detected(self, view: dict) -> np.ndarray:
        """Return the detected region, bool (H, W)."""
        if view.get('heat_map') is None:
            raise ValueError(
                'no heat_map; the model must return one for each of '
                f'{self.views}, or set views of the metric'
            )
        detected = binarise(
            _to_numpy(view['heat_map']), self.cam_rule, self.cam_threshold
        )
        expected = tuple(view.get('img_shape', detected.shape)[:2])
        if detected.shape != expected:
            raise ValueError(
                f'the heat map has shape {detected.shape}, the image {expected}; '
                "the model must resize it to the network's input"
            )
        return detected

    def _warn_of_boxes(self, view: dict, shape: tuple) -> None:
        boxes = np.concatenate(
            [
                _to_numpy(view.get(name, {}).get('bboxes', ())).reshape(-1, 4)
                for name in ('gt_instances', 'ignored_instances')
            ]
        )
        outside = (boxes[:, :2] < -1).any() or (
            boxes[:, 2:] > (shape[1] + 1, shape[0] + 1)
        ).any()
        if outside and not self._warned:
            self._warned = True
            MMLogger.get_current_instance().warning(
                f'{type(self).__name__}, image {_name(view)}: a lesion reaches '
                'outside the heat map. If all do, load the annotations before '
                'Resize in the test pipeline, so that both are in the same '
                'frame. This is reported once.'
            )

    def compute_metrics(self, results: list[list[ImageResult]]) -> dict[str, float]:
        """Compute the figures, log them and write the file.

        Args:
            results (list): From :meth:`process`, of all ranks.

        Returns:
            dict[str, float]: See the class.
        """
        logger = MMLogger.get_current_instance()
        images = [image for result in results for image in result]
        abnormal = [image for image in images if image.overlap is not None]
        if not abnormal:
            logger.warning(
                '%s: no image has a lesion; nothing to measure', type(self).__name__
            )
        left_out = sum(i.ignored for i in images if i.overlap is None)
        if left_out:
            logger.warning(
                '%s: %d images have only ignored lesions and do not count. Where '
                'masks are loaded, mmdet ignores lesions without one; evaluate '
                'their boxes with LoadAnnotations(with_mask=False).',
                type(self).__name__,
                left_out,
            )
        patients, unit = resampling_units(self, [image.patient for image in abnormal])
        summary = localization_summary(
            [image.overlap for image in abnormal],
            patients,
            n_others=len(images) - len(abnormal),
            tiou_thresholds=self.tiou_thresholds,
            tior_thresholds=self.tior_thresholds,
            n_bootstrap=self.n_bootstrap,
            seed=self.seed,
            resampling_unit=unit,
            **self._swept(abnormal),
        )
        summary.update(self._settings())
        summary['rule'] = self._rule(summary)
        logger.info('%s: %s. %s', self.prefix, _sentence(summary), summary['rule'])
        if abnormal and summary['sweep']:
            logger.info(
                '%s: IoU and IoR by threshold: %s',
                self.prefix,
                ', '.join(
                    f'{point["threshold"]:g}: {point["iou"]:.3f} {point["ior"]:.3f}'
                    for point in summary['sweep']
                ),
            )
        if self.out_dir is not None:
            stem = self.prefix.replace('/', '_')
            write_json(Path(self.out_dir) / f'{stem}.json', summary)
        return _metrics(summary)

    def _swept(self, abnormal: list[ImageResult]) -> dict:
        """Return the summary's arguments from the results of :meth:`_sweep`."""
        return dict(
            max_hits=[image.max_hit for image in abnormal],
            sweep={
                threshold: [image.sweep[k] for image in abnormal]
                for k, threshold in enumerate(self.sweep_thresholds)
            },
        )

    def _settings(self) -> dict:
        """Return the summary's description of how regions were detected."""
        return dict(heat_map=dict(rule=self.cam_rule, threshold=self.cam_threshold))

    def _rule(self, summary: dict) -> str:
        """Describe how the figures were computed, to be printed next to them."""
        counts, threshold = summary['counts'], f'{self.cam_threshold:.4g}'
        hot = dict(
            minmax=f'reach {threshold} once the map is scaled to [0, 1]',
            max=f"are at least {threshold} of the map's maximum",
            absolute=f'are at least {threshold}',
        )[self.cam_rule]
        return (
            f'Means over {counts["abnormal_images"]} images with lesions of '
            f'{counts["images"]}, all lesions of an image together. Detected are '
            f'pixels whose values {hot}. IoR is the intersection over the '
            'annotated lesions, IoD over the detected region. TIoU is the share of '
            f'images with IoU above each of {self.tiou_thresholds}; TIoR and TIoD '
            f'those above each of {self.tior_thresholds}.'
        )


def instance_masks(view: dict, name: str, shape: tuple) -> np.ndarray:
    """Return the masks of a view's lesions, or their boxes if there is no mask.

    Args:
        view (dict): A data sample.
        name (str): 'gt_instances', which is required, or 'ignored_instances'.
        shape (tuple[int]): (H, W) of the network's input.

    Returns:
        np.ndarray: bool, (n, H, W).

    Raises:
        ValueError: If there are no annotations, or they do not fit the image.
    """
    if 'gt_instances' not in view:
        raise ValueError('no gt_instances; the test pipeline needs LoadAnnotations')
    instances = view.get(name, {})
    boxes = _to_numpy(instances.get('bboxes', np.zeros((0, 4))))
    codes = _to_rle(instances['masks']) if 'masks' in instances else []
    if codes and len(boxes) not in (0, len(codes)):
        raise ValueError(
            f'{name} has {len(codes)} masks and {len(boxes)} boxes; expected as many'
        )
    masks = [segmentation_to_mask(code, code['size']) for code in codes]
    for mask in masks:
        if mask.shape != shape:
            raise ValueError(
                f'a mask of {name} has shape {mask.shape}, the image {shape}; '
                "expected both in pixels of the network's input: load the "
                'annotations before Resize in the test pipeline'
            )
    for i, box in enumerate(boxes):
        if not codes:
            masks.append(box_mask(box, shape))
        elif not masks[i].any():
            masks[i] = box_mask(box, shape)
    return np.array(masks, bool).reshape(-1, *shape)


def _sentence(summary: dict) -> str:
    parts = []
    for name, figure in summary['figures'].items():
        if figure['value'] is None:
            return 'IoU, IoR and Dice are not defined without a lesion'
        interval = (
            ''
            if figure['low'] is None
            else (f' [{figure["low"]:.3f}, {figure["high"]:.3f}]')
        )
        parts.append(f'{_TITLES[name]} {figure["value"]:.3f}{interval}')
    return ', '.join(parts) + '; ' + interval_sentence(summary)


def interval_sentence(summary: dict) -> str:
    """Describe the intervals of ``means_summary``, or why there are none."""
    reasons = summary['no_interval']
    if not summary['n_bootstrap'] or reasons.keys() == summary['figures'].keys():
        return ': '.join(['no CI', *dict.fromkeys(reasons.values())])
    text = (
        f'95% CI by {summary["n_bootstrap"]} bootstrap draws of '
        f'{summary["resampling_unit"]}'
    )
    return text + ''.join(
        f'; no CI of {name}: {reason}' for name, reason in reasons.items()
    )


def _metrics(summary: dict) -> dict[str, float]:
    return dict(
        figure_metrics(summary),
        n_images=float(summary['counts']['images']),
        n_abnormal=float(summary['counts']['abnormal_images']),
    )


def figure_metrics(summary: dict) -> dict[str, float]:
    """Return the figures of ``means_summary`` in an evaluator's format."""
    metrics: dict[str, float | None] = {}
    for name, figure in summary['figures'].items():
        metrics[name] = figure['value']
        if summary['n_bootstrap']:
            metrics[f'{name}_low'] = figure['low']
            metrics[f'{name}_high'] = figure['high']
    return {k: math.nan if v is None else float(v) for k, v in metrics.items()}
