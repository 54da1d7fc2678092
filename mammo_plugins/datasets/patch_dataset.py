"""Patches around lesions and detections as samples."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from mmengine.logging import print_log

from mammo_plugins.evaluation.functional.patch_labels import (
    MALIGNANT,
    UNKNOWN,
    PatchLabels,
    label_detections,
    lesion_labels,
    select_detections,
)
from mammo_plugins.registry import DATASETS
from mammo_plugins.structures import (
    AnnotationError,
    Detections,
    in_fold,
    read_detections,
)

from .exam_dataset import ExamDataset

# keys that a patch copies from its view
_VIEW_KEYS = (
    'img_path',
    'img_id',
    'width',
    'height',
    'exam_id',
    'patient_id',
    'laterality',
    'view',
    'pixel_spacing_mm',
)


@DATASETS.register_module()
class PatchDataset(ExamDataset):
    """Patches of a COCO-exam file, one sample each.

    MommiNet-v2, section 3.8, trains its malignancy classifier on gold patches, the
    annotated lesions, and on detected ones, and validates and tests only on detected
    ones. A sample has ``patch_box`` (x1, y1, x2, y2) in pixels of the file,
    ``gt_label`` (1 malignant, 0 not) and ``gt_birads_score`` (float in [0, 1]), each
    absent if unknown, ``detected`` (bool), ``score`` and ``iou`` (those of the
    detection, 1 for gold), and the keys copied from its view (``img_id``,
    ``patient_id``, ...). Detected patches are labelled by
    :func:`~mammo_plugins.evaluation.functional.label_detections`. Patches without any
    known label are left out, and the log reports their number.

    Args:
        detection_file (str, optional): File written by
            :func:`~mammo_plugins.structures.write_detections` for all images
            of ``ann_file``; relative to the working directory. Defaults to
            ``None``, gold patches only.
        gold (bool): Whether to use gold patches. Defaults to True.
        max_detections (int, optional): Maximum number of detected patches per image,
            highest scores first; ``None`` for all. Defaults to 2, as in
            :class:`~mammo_plugins.evaluation.metrics.MalignancyMetric`.
        min_score (float): Minimum score of a detected patch. Defaults to 0.
        iou_thr (float): Minimum IoU with a lesion to get its labels. Defaults to
            0.5.
        **kwargs: As in :class:`ExamDataset`, but for ``target`` and ``partners``.

    Raises:
        AnnotationError: As :class:`ExamDataset`; if the detection file is for other
            images; if there is no patch at all.
        ValueError: If there is no detection file and ``gold`` is False.
    """

    def __init__(
        self,
        *args,
        detection_file: str | None = None,
        gold: bool = True,
        max_detections: int | None = 2,
        min_score: float = 0.0,
        iou_thr: float = 0.5,
        **kwargs,
    ) -> None:
        if detection_file is None and not gold:
            raise ValueError(
                'PatchDataset: gold=False needs a detection_file; '
                'there would be no patch'
            )
        self._files = (detection_file,)
        self.detection_file = in_fold(detection_file, kwargs.get('fold'))
        self.gold = gold
        self.max_detections = max_detections
        self.min_score = min_score
        self.iou_thr = iou_thr
        super().__init__(*args, target='view', **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read the annotation file and the detections.

        Returns:
            list[dict]: One entry per patch.
        """
        views = [sample['views']['main'] for sample in super().load_data_list()]
        detections = self._read_detections(views)
        patches: list[dict] = []
        left_out = 0
        for view in views:
            found = [*self._patches(view, detections.get(view['img_id']))]
            labelled = [
                patch
                for patch in found
                if 'gt_label' in patch or 'gt_birads_score' in patch
            ]
            left_out += len(found) - len(labelled)
            patches += labelled
        if not patches:
            raise AnnotationError(
                f'{self.ann_file}: no patch with a label'
                + (f' ({left_out} without)' if left_out else '')
                + '; a lesion needs pathology or birads'
            )
        self._report(patches, left_out)
        return patches

    def _read_detections(self, views: list[dict]) -> dict[int, Detections]:
        if self.detection_file is None:
            return {}
        detections = read_detections(self.detection_file)
        missing = [view['img_id'] for view in views if view['img_id'] not in detections]
        if missing:
            raise AnnotationError(
                f'{self.detection_file}: images: {len(missing)} of {len(views)} '
                f'images of {self.ann_file} are missing, first id {missing[0]}; '
                'run the detector on the same annotation file'
            )
        return detections

    def _patches(self, view: dict, detections: Detections | None) -> Iterator[dict]:
        common = {key: view[key] for key in _VIEW_KEYS}
        lesions, ignored = (
            [i for i in view['instances'] if bool(i['ignore_flag']) is flag]
            for flag in (False, True)
        )
        boxes = _boxes(lesions)
        known = (
            [lesion['pathology'] for lesion in lesions],
            [lesion['birads'] for lesion in lesions],
        )
        if self.gold:
            malignant, birads_scores = lesion_labels(*known)
            labels = PatchLabels(
                np.arange(len(boxes)), np.ones(len(boxes)), malignant, birads_scores
            )
            yield from _samples(common, boxes, labels, np.ones(len(boxes)), False)
        if detections is not None:
            found, scores = detections
            chosen = select_detections(scores, self.min_score, self.max_detections)
            labels = label_detections(
                found[chosen], boxes, *known, _boxes(ignored), self.iou_thr
            )
            yield from _samples(common, found[chosen], labels, scores[chosen], True)

    def _report(self, patches: list[dict], left_out: int) -> None:
        kinds = Counter(patch['detected'] for patch in patches)
        labels = Counter(patch.get('gt_label') for patch in patches)
        scored = sum('gt_birads_score' in patch for patch in patches)
        print_log(
            f'{self.ann_file}: {kinds[False]} gold and {kinds[True]} detected '
            f'patches; {labels[MALIGNANT]} malignant, {labels[0]} not malignant, '
            f'{labels[None]} by BI-RADS only; {scored} with BI-RADS; {left_out} '
            'without any label left out',
            logger='current',
        )

    def filter_data(self) -> list[dict]:
        """Keep every patch."""
        return self.data_list

    def get_cat_ids(self, idx: int) -> list[int]:
        """Return the label of a patch, for class-balanced samplers.

        Args:
            idx (int): Index of the sample.
        """
        info = self.get_data_info(idx)
        return [info['gt_label']] if 'gt_label' in info else []


def _boxes(instances: list[dict]) -> np.ndarray:
    return np.array([i['bbox'] for i in instances], float).reshape(-1, 4)


def _samples(
    common: dict,
    boxes: np.ndarray,
    labels: PatchLabels,
    scores: np.ndarray,
    detected: bool,
) -> Iterator[dict]:
    for i, box in enumerate(boxes):
        sample = dict(
            common,
            patch_box=tuple(box.tolist()),
            detected=detected,
            score=float(scores[i]),
            iou=float(labels.ious[i]),
        )
        if labels.malignant[i] != UNKNOWN:
            sample['gt_label'] = int(labels.malignant[i])
        if not np.isnan(labels.birads_scores[i]):
            sample['gt_birads_score'] = float(labels.birads_scores[i])
        yield sample
