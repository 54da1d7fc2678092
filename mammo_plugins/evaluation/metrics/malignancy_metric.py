"""Malignancy of detections as a metric of MMEngine's evaluator."""

from collections.abc import Sequence

from mammo_plugins.evaluation.functional import (
    UNKNOWN,
    label_detections,
    select_detections,
)
from mammo_plugins.registry import METRICS

from .froc_metric import _instances, _to_numpy
from .roc_metric import Labelled, ROCMetric, images_of


@METRICS.register_module()
class MalignancyMetric(ROCMetric):
    """AUC over the patches that a detector found and classified.

    MommiNet-v2, sections 3.8 and 4.2: a detection gets the label of the lesion with
    which its IoU is at least 0.5; all others are not malignant
    (:func:`~mammo_plugins.evaluation.functional.label_detections`). Detections on a
    lesion of unknown pathology or in an ignored region are ignored. A malignant lesion
    that the detector missed is not counted, so read the figure together with recall.

    The paper does not state which detections it classifies. The AUC depends on this,
    since low scores add easy negatives. ``PatchDataset`` has the same two arguments
    with the same defaults.

    Args:
        max_detections (int, optional): Maximum number of detections per image, highest
            scores first; ``None`` for all. Defaults to 2, the largest number of false
            positives per image at which the paper reports recall.
        min_score (float): Minimum score of a detection. Defaults to 0.
        iou_thr (float): Minimum IoU with a lesion. Defaults to 0.5.
        class_names (Sequence[str]): Names of the classes. Defaults to ('not malignant',
            'malignant').
        prefix (str, optional): Prefix of the names. Defaults to None: 'malignancy'.
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
            f'At most {most} detections per image count, with a score >= '
            f'{self.min_score:g}; one has the label of the lesion with which its '
            f'IoU is >= {self.iou_thr:g}, others are not malignant; missed '
            'lesions do not count.'
        )

    def _take(self, sample: dict) -> list[Labelled]:
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
        # no breast: missed lesions are not included
        return [
            Labelled(
                int(label),
                self._finite(score),
                sample.get('patient_id'),
                None,
                sample.get('exam_id'),
                images_of(sample),
            )
            for label, score in zip(labels, malignancy)
            if label != UNKNOWN
        ]
