"""Boxes of lesions in views."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mammo_plugins.anatomy import transform_boxes
from mammo_plugins.registry import INFERENCERS
from mammo_plugins.structures import score_to_birads
from mammo_plugins.structures.predictions import instances_in_file
from mammo_plugins.visualization import ViewPanel

from .base import ExamInferencer
from .loaded_exam import LoadedExam

_DIGITS = 6  # of a score


@INFERENCERS.register_module()
class DetectionInferencer(ExamInferencer):
    """Inferencer for detectors of one or several views, such as MommiNet-v2.

    Each view gets ``detections``, ``outside_breast`` and, from multi-view detectors,
    ``model_views``. The picture shows boxes with a score of at least ``score_thr``.

    Args:
        *args: As in :class:`ExamInferencer`.
        **kwargs: As in :class:`ExamInferencer`.
    """

    target = 'view'

    def postprocess(
        self, exam: LoadedExam, predictions: list[DetDataSample]
    ) -> dict[str, Any]:
        """See :meth:`ExamInferencer.postprocess`."""
        said, remarks = {}, {}
        for sample in predictions:
            name = exam.name_of(sample)
            said[name] = self._detected(sample, exam.views[name].pixel_spacing_mm)
            if 'registration_reason' in sample:
                remarks[name] = (
                    'the other breast was registered to this one without '
                    f'matching their contours: {sample.registration_reason}'
                )
        return dict(views=self.view_entries(exam, predictions, said, remarks))

    def visualize(
        self,
        exam: LoadedExam,
        predictions: list[DetDataSample],
        entry: dict[str, Any],
        out_dir: Path,
        score_thr: float,
    ) -> None:
        """See :meth:`ExamInferencer.visualize`."""
        panels, judged = {}, False
        least = round(score_thr, _DIGITS)  # rounded like the scores
        for name, facts in zip(exam.views, entry['views']):
            pixels, frame = exam.load(name)
            shown = [d for d in facts.get('detections', ()) if d['score'] >= least]
            judged = judged or any('malignancy' in d for d in shown)
            panels[name] = ViewPanel(
                pixels,
                transform_boxes([d['bbox'] for d in shown], frame.matrix),
                [d['score'] for d in shown],
                [d['malignancy'] for d in shown if 'malignancy' in d],
            )
        text = f'scores from {score_thr:g}' + (', M: malignancy' if judged else '')
        entry['figure'] = self.draw_views(exam, panels, text, out_dir)

    def _detected(
        self, sample: DetDataSample, spacing: Sequence[float] | None
    ) -> dict[str, Any]:
        """Return the results for a view."""
        instances = instances_in_file(sample)
        detections = [
            self._detection(instances[k], spacing) for k in range(len(instances))
        ]
        said = dict(
            detections=sorted(detections, key=lambda d: -d['score']),
            outside_breast=len(sample.pred_instances) - len(instances),
        )
        if 'model_views' in sample:
            said['model_views'] = list(sample.model_views)
        return said

    def _detection(
        self, instance: InstanceData, spacing: Sequence[float] | None
    ) -> dict[str, Any]:
        """Return the entry of the single detection in ``instance``."""
        box, bbox_mm = instance.bboxes[0], None
        if spacing is not None:
            row, column = spacing
            bbox_mm = np.round(box * [column, row, column, row], 3).tolist()
        detection = dict(
            category=self.classes[int(instance.labels[0])],
            score=round(float(instance.scores[0]), _DIGITS),
            bbox=np.round(box, 2).tolist(),
            bbox_mm=bbox_mm,
        )
        if 'malignancy' in instance:
            score = float(instance.birads_score[0])
            detection.update(
                malignancy=round(float(instance.malignancy[0]), 6),
                birads_score=round(score, 4),
                birads=score_to_birads(score),
            )
        return detection
