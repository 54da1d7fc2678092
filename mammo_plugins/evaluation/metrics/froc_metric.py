"""FROC as a metric of MMEngine's evaluator."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from mammo_plugins.anatomy import CanonicalFrame
from mammo_plugins.evaluation.functional import (
    NEITHER,
    FROCData,
    ImageMatches,
    box_iou,
    calibration_summary,
    encode_masks,
    format_table,
    froc_summary,
    mask_iou,
    match_detections,
)
from mammo_plugins.evaluation.metrics.calibration_output import (
    calibration_figures,
    write_reliability,
)
from mammo_plugins.evaluation.metrics.resampling import numbered, resampling_units
from mammo_plugins.io import write_json
from mammo_plugins.registry import METRICS
from mammo_plugins.structures.masks import encoded

Result = list[ImageMatches]
"""Of one image: all classes pooled, then each class of several."""


@METRICS.register_module()
class FROCMetric(BaseMetric):
    """Recall of lesions at given numbers of false positives per image.

    The matching rule is documented in :mod:`mammo_plugins.evaluation.functional.froc`
    and logged with the figures. Lesions and detections of all classes are pooled: a
    detection finds a lesion whatever its label. If the data set has several classes,
    each is also evaluated separately, with only lesions, detections and ignored regions
    of that class, as ``CLASS/recall@f`` and so on.

    ``gt_instances`` must be in the frame of the predictions. mmdet scales the
    predictions back to the image before ``Resize``, so the test pipeline must load the
    annotations after ``Resize``, like mmdet's own configs. Detections on
    ``ignored_instances`` (crowd regions) are neither hits nor false positives.
    Detections outside the breast
    (:meth:`~mammo_plugins.anatomy.CanonicalFrame.inside_breast`) are ignored, as in
    inference; the meta key ``canonical_frame`` gives its position.

    The metrics are, for each FPPI f, ``recall@f`` (``recall@1.0``) with its
    confidence interval ``recall@f_low``, ``recall@f_high``, and
    ``recall@f_normals``, with FPPI counted only on normal images (if there are any);
    ``max_recall`` and ``max_fppi`` for all detections without a threshold; and
    ``n_images``, ``n_normals``, ``n_lesions`` and ``n_outside``; ``brier`` and ``ece``
    of the scores as probabilities that a detection is on a lesion, and with a
    calibration ``brier_calibrated`` and ``ece_calibrated``. Recall without lesions is
    NaN.

    ``left_out`` of the data set's ``dataset_meta``, a sentence on lesions that are not
    targets, is logged with the rule.

    To evaluate with two IoU thresholds, list the metric twice in the config with
    different prefixes.

    Args:
        iou_thr (float): A detection finds a lesion if their IoU is greater.
            Defaults to 0.2, as in MommiNet-v2, section 4; the paper on blending
            adversarial networks uses 0.5.
        fppi (Sequence[float]): False positives per image at which recall is reported.
            Defaults to (0.5, 1, 2).
        match (str): 'bbox' or 'mask', the basis of the IoU.
            Defaults to 'bbox'.
        n_bootstrap (int): Bootstrap draws of patients for the 95% confidence intervals;
            0 for none. Defaults to 1000.
        seed (int): Seed of the bootstrap. Defaults to 0.
        out_dir (str, optional): Folder for ``froc.json`` and ``froc.png``, named after
            the prefix and overwritten by each evaluation; the file contains
            :func:`~mammo_plugins.evaluation.functional.froc_summary`, under
            ``classes`` that of each class, and ``calibration`` and ``calibrated`` as
            in ``ROCMetric``, of all detections: one on a lesion is positive.
            ``froc_reliability.png`` shows both. Defaults to None: no files.
        collect_device (str): 'cpu' or 'gpu', see
            :class:`mmengine.evaluator.BaseMetric`. Defaults to 'cpu'.
        prefix (str, optional): Prefix of the names. Defaults to None: 'froc'.
        keep_detections (bool): Whether the file also has columns for all ``detections``
            that are hits or false positives, for a calibration: ``image`` (index in
            ``samples``), ``score`` and ``label`` (1 on a lesion). Defaults to False:
            there may be a hundred per image.
    """

    default_prefix: str | None = 'froc'

    def __init__(
        self,
        iou_thr: float = 0.2,
        fppi: Sequence[float] = (0.5, 1.0, 2.0),
        match: str = 'bbox',
        n_bootstrap: int = 1000,
        seed: int = 0,
        out_dir: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        keep_detections: bool = False,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if match not in ('bbox', 'mask'):
            raise ValueError(f"match is {match!r}, expected 'bbox' or 'mask'")
        if not 0 <= iou_thr < 1:
            raise ValueError(f'iou_thr is {iou_thr}, expected 0 <= iou_thr < 1')
        if not len(fppi) or min(fppi) < 0:
            raise ValueError(f'fppi is {fppi}, expected one or more values >= 0')
        if n_bootstrap < 0:
            raise ValueError(f'n_bootstrap is {n_bootstrap}, expected >= 0')
        self.iou_thr = iou_thr
        self.fppi = tuple(fppi)
        self.match = match
        self.n_bootstrap = n_bootstrap
        self.seed = seed
        self.out_dir = out_dir
        self.keep_detections = keep_detections
        # of probabilities, if the model has a calibration
        self.calibrator: Callable[[np.ndarray], np.ndarray] | None = None
        self._warned = False

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Match the detections of a batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): Samples of single images, with
                ``pred_instances`` (``bboxes`` (n, 4) xyxy, ``scores`` (n, ),
                ``masks``), ``gt_instances`` (``bboxes``, ``masks``),
                ``ignored_instances`` (the same, may be empty or absent) and
                the meta keys ``img_id`` and ``patient_id``.
        """
        for sample in data_samples:
            try:
                # One result per sample: MMEngine removes padding by that count.
                self.results.append(self._match(sample))
            except ValueError as error:
                raise ValueError(
                    f'FROCMetric, image {_name(sample)}: {error}'
                ) from error

    def _match(self, sample: dict) -> Result:
        """Return the matches of an image: pooled, then for each class."""
        predictions, lesions = (
            _instances(sample, name) for name in ('pred_instances', 'gt_instances')
        )
        ignored = sample.get('ignored_instances', {})
        if not self._warned and _reaches_outside(lesions, sample):
            self._warned = True
            MMLogger.get_current_instance().warning(
                f'FROCMetric, image {_name(sample)}: a lesion reaches outside the '
                'image. If all do, load the annotations after Resize in the test '
                'pipeline, so that lesions and predictions are in the same '
                'frame; otherwise it lies outside the breast; see mammo verify '
                '--check-pixels. This is reported once.'
            )
        to_lesions = self._iou(predictions, lesions)
        to_ignored = self._iou(predictions, ignored, crowd=True)
        scores = _to_numpy(predictions['scores'])
        if not np.isfinite(scores).all():
            raise ValueError(
                'a detection has a score of NaN or infinity; has the training diverged?'
            )

        inside = _inside_breast(predictions, sample)

        def select(label: int | None) -> ImageMatches:
            rows, columns, regions = (
                _of_class(part, label) for part in (predictions, lesions, ignored)
            )
            there, rows = len(rows), rows[inside[rows]]
            return ImageMatches(
                scores=scores[rows],
                labels=match_detections(
                    to_lesions[rows][:, columns],
                    self.iou_thr,
                    to_ignored[rows][:, regions],
                ),
                n_lesions=len(columns),
                patient=sample.get('patient_id'),
                n_ignored=len(regions),
                n_outside=there - len(rows),
                image=sample.get('img_id'),
                exam=sample.get('exam_id'),
            )

        return [select(None)] + [select(k) for k in range(len(self._classes))]

    @property
    def _classes(self) -> Sequence[str]:
        """Return the classes that are evaluated separately."""
        classes = (self.dataset_meta or {}).get('classes', ())
        return classes if len(classes) > 1 else ()

    def _iou(self, predictions: dict, regions: dict, crowd: bool = False) -> np.ndarray:
        """Return the IoU of all predictions with all regions, (n, m)."""
        shape = (_length(predictions), _length(regions))
        if 0 in shape:
            return np.zeros(shape)
        if self.match == 'bbox':
            return box_iou(
                _to_numpy(predictions['bboxes']), _to_numpy(regions['bboxes']), crowd
            )
        for name, instances in (('predictions', predictions), ('annotations', regions)):
            if 'masks' not in instances:
                raise ValueError(
                    f"the {name} have no masks; use match='bbox', or a model "
                    'with a mask head and LoadAnnotations(with_mask=True)'
                )
        return mask_iou(_to_rle(predictions['masks']), _to_rle(regions['masks']), crowd)

    def compute_metrics(self, results: list[Result]) -> dict[str, float]:
        """Compute the curve, log the table and write the files.

        Args:
            results (list): From :meth:`process`, of all ranks.

        Returns:
            dict[str, float]: See the class.

        Raises:
            ValueError: If there are no images.
        """
        logger = MMLogger.get_current_instance()
        patients, unit = resampling_units(
            self, [pooled.patient for pooled, *_ in results]
        )
        results = [
            [replace(m, patient=patient) for m in parts]
            for parts, patient in zip(results, patients)
        ]
        names = [self.prefix, *self._classes]
        # Without images: one empty column, which from_images refuses.
        columns = list(zip(*results)) or [()]
        summaries = {
            name: froc_summary(
                FROCData.from_images(matches),
                iou_thr=self.iou_thr,
                match=self.match,
                fppi=self.fppi,
                n_bootstrap=self.n_bootstrap,
                seed=self.seed,
                resampling_unit=unit,
            )
            for name, matches in zip(names, columns)
        }
        pooled = summaries[self.prefix]
        pooled['samples'] = _image_columns(columns[0], patients)
        detections = _detection_columns(columns[0])
        if self.keep_detections:
            pooled['detections'] = detections
        pooled.update(self._calibrations(detections, patients))
        left_out = (self.dataset_meta or {}).get('left_out')
        if left_out:
            pooled['rule'] += f' {left_out}.'
        for name, matches in zip(names, columns):
            summaries[name]['counts']['outside_breast'] = sum(
                m.n_outside for m in matches
            )
        if pooled['counts']['outside_breast']:
            logger.info(
                '%d detections outside the breast are left out',
                pooled['counts']['outside_breast'],
            )
        logger.info('\n%s\n%s', format_table(summaries), pooled['rule'])
        for name, summary in summaries.items():
            if not summary['counts']['lesions']:
                logger.warning('%s: no lesions, recall is not defined', name)
        if self.out_dir is not None:
            self._write(summaries, Path(self.out_dir))
        metrics = _metrics(pooled)
        for name in self._classes:
            for key, value in _metrics(summaries[name]).items():
                metrics[f'{name}/{key}'] = value
        return metrics

    def _calibrations(
        self, detections: dict[str, list], patients: Sequence[Hashable]
    ) -> dict[str, dict | None]:
        """Return the calibration of the scores, and of those of the calibrator."""
        labels, scores = (np.array(detections[k], float) for k in ('label', 'score'))
        owners = [patients[i] for i in detections['image']]
        each = dict(calibration=scores)
        if self.calibrator is not None:
            each['calibrated'] = self.calibrator(scores)
        return dict(calibrated=None) | {
            key: calibration_summary(
                labels, values, owners, n_bootstrap=self.n_bootstrap, seed=self.seed
            )
            for key, values in each.items()
        }

    def _write(self, summaries: dict[str, dict], out_dir: Path) -> None:
        # Loaded here: training without files needs no matplotlib.
        from mammo_plugins.visualization.curves import plot_froc

        out_dir.mkdir(parents=True, exist_ok=True)
        stem = self.prefix.replace('/', '_')
        classes = {name: summaries[name] for name in self._classes}
        write_json(
            out_dir / f'{stem}.json', {**summaries[self.prefix], 'classes': classes}
        )
        plot_froc(summaries, out_dir / f'{stem}.png')
        write_reliability(
            self.prefix, summaries[self.prefix], out_dir / f'{stem}_reliability.png'
        )


def _image_columns(
    matches: Sequence[ImageMatches], patients: Sequence[Hashable]
) -> dict[str, list]:
    return dict(
        label=[
            None if m.n_ignored and not m.n_lesions else int(m.n_lesions > 0)
            for m in matches
        ],
        score=[float(np.max(m.scores, initial=0.0)) for m in matches],
        images=[[m.image] for m in matches],
        patient=numbered(patients),
        exam=numbered([m.exam for m in matches]),
    )


def _detection_columns(matches: Sequence[ImageMatches]) -> dict[str, list]:
    counted = [m.labels != NEITHER for m in matches]
    return dict(
        image=[i for i, each in enumerate(counted) for _ in range(int(each.sum()))],
        score=[float(s) for m, each in zip(matches, counted) for s in m.scores[each]],
        label=[
            int(k >= 0) for m, each in zip(matches, counted) for k in m.labels[each]
        ],
    )


def _metrics(summary: dict) -> dict[str, float]:
    counts = summary['counts']
    metrics = {}
    for point in summary['operating_points']:
        name = f'recall@{point["fppi"]}'
        metrics[name] = point['recall']
        if summary['n_bootstrap']:
            metrics[f'{name}_low'] = point['low']
            metrics[f'{name}_high'] = point['high']
        if counts['normal_images']:
            metrics[f'{name}_normals'] = point['recall_normals']
    metrics.update(
        max_recall=summary['all_detections']['recall'],
        max_fppi=summary['all_detections']['fppi'],
        n_images=counts['images'],
        n_normals=counts['normal_images'],
        n_lesions=counts['lesions'],
        n_outside=counts['outside_breast'],
    )
    metrics.update(calibration_figures(summary))
    return {k: math.nan if v is None else float(v) for k, v in metrics.items()}


def _name(sample: dict) -> Any:
    return sample.get('img_path', sample.get('img_id', 'unknown'))


def _reaches_outside(lesions: dict, sample: dict) -> bool:
    """Return whether a lesion extends beyond the frame of the predictions."""
    if 'ori_shape' not in sample or not _length(lesions):
        return False
    height, width = sample['ori_shape'][:2]
    boxes = _to_numpy(lesions['bboxes'])
    return bool(
        (boxes[:, :2] < -1).any() or (boxes[:, 2:] > (width + 1, height + 1)).any()
    )


def _inside_breast(predictions: dict, sample: dict) -> np.ndarray:
    """Return which detections are inside the breast, if the sample records it."""
    if 'canonical_frame' not in sample or not _length(predictions):
        return np.ones(_length(predictions), bool)
    return CanonicalFrame.from_dict(sample['canonical_frame']).inside_breast(
        _to_numpy(predictions['bboxes'])
    )


def _instances(sample: dict, name: str) -> dict:
    instances = sample.get(name, {})
    if 'bboxes' not in instances:
        raise ValueError(
            f'no boxes in {name}; the test pipeline needs '
            'LoadAnnotations(with_bbox=True) and PackDetInputs, and the model '
            'must be a detector'
        )
    return instances


def _of_class(instances: dict, label: int | None) -> np.ndarray:
    """Return the indices of the instances of a class, or of all for None."""
    if label is None or not _length(instances):
        return np.arange(_length(instances))
    return np.flatnonzero(_to_numpy(instances['labels']) == label)


def _length(instances: dict) -> int:
    return len(instances['bboxes']) if 'bboxes' in instances else 0


def _to_numpy(values: Any) -> np.ndarray:
    values = getattr(values, 'tensor', values)  # mmdet's HorizontalBoxes
    if isinstance(values, torch.Tensor):
        # numpy has no bfloat16; float64 represents every score exactly.
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=np.float64)


def _to_rle(masks: Any) -> list[dict]:
    """Convert masks in any of mmdet's forms to COCO run-length codes.

    mmdet's polygons are rasterized by pycocotools, as in mmdet itself.
    """
    if hasattr(masks, 'to_ndarray'):  # BitmapMasks, PolygonMasks
        return encode_masks(masks.to_ndarray())
    if isinstance(masks, torch.Tensor):
        return encode_masks(masks.detach().cpu().numpy())
    if isinstance(masks, np.ndarray):
        return encode_masks(masks)
    return [encoded(rle, *rle['size']) for rle in masks]
