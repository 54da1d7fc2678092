"""Malignancy of an exam, with the outlines of masses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mammo_plugins.anatomy import transform_points
from mammo_plugins.datasets.pipeline import steps_of
from mammo_plugins.registry import INFERENCERS, type_name
from mammo_plugins.structures.multi_view_data_sample import (
    MultiViewDataSample,
    views_of,
)
from mammo_plugins.visualization import ViewPanel

from ..config_loading import ConfigError
from .base import ExamInferencer
from .loaded_exam import LoadedExam, probability_of

_CLASSES = ('benign', 'malignant')  # in the order of labels


@INFERENCERS.register_module()
class WholeExamInferencer(ExamInferencer):
    """Inferencer for classifiers that need all views of an exam, such as NaFV-Net.

    The exam gets ``malignancy``, ``affected_side``, ``examined_side`` and
    ``heat_map_class``, each segmented view ``masses``. The pictures show outlines of
    masses, and heat maps.

    Args:
        *args: As in :class:`ExamInferencer`.
        **kwargs: As in :class:`ExamInferencer`.
    """

    target = 'exam'

    def needed_views(self) -> Sequence[str]:
        """Return the views packed for the model, as all of them are needed."""
        packed = [
            step
            for step in steps_of(self.dataset_cfg.get('pipeline'))
            if type_name(step) == 'PackExamInputs'
        ]
        if not packed or not packed[-1].get('views'):
            raise ConfigError(
                f'{self.config.filename}: test_dataloader.dataset.pipeline: no '
                'PackExamInputs with views, outside of another step, to define '
                'which views the model needs; expected it as the last step'
            )
        return packed[-1]['views']

    def _check_test_set(self) -> None:
        super()._check_test_set()
        self.needed_views()

    def postprocess(
        self, exam: LoadedExam, predictions: list[MultiViewDataSample]
    ) -> dict[str, Any]:
        """See :meth:`ExamInferencer.postprocess`."""
        (sample,) = predictions
        entry = dict(
            malignancy=probability_of(sample),
            affected_side=sample.affected_side,
            examined_side=sample.examined_side,
        )
        said = {}
        for view in views_of(sample):
            if 'pred_sem_seg' in view:
                probability = exam.in_file(view.pred_sem_seg.probability[0], view)
                said[exam.name_of(view)] = dict(masses=_outlines(probability > 0.5))
            if 'heat_map' in view:
                entry['heat_map_class'] = _CLASSES[int(view.pred_label)]
        return dict(entry, views=self.view_entries(exam, predictions, said))

    def visualize(
        self,
        exam: LoadedExam,
        predictions: list[MultiViewDataSample],
        entry: dict[str, Any],
        out_dir: Path,
        score_thr: float,
    ) -> None:
        """See :meth:`ExamInferencer.visualize`."""
        (sample,) = predictions
        heat_maps = {
            exam.name_of(view): exam.in_file(view.heat_map, view)
            for view in views_of(sample)
            if 'heat_map' in view
        }
        outlined, heated = {}, {}
        one_kind = all('masses' in facts for facts in entry['views'])
        for (name, view), facts in zip(exam.views.items(), entry['views']):
            pixels, frame = exam.load(name)
            if 'masses' in facts:
                outlined[view.name] = ViewPanel(
                    pixels,
                    outlines=[
                        transform_points(mass['outline'], frame.matrix)
                        for mass in facts['masses']
                    ],
                )
            if one_kind or 'masses' not in facts:
                heat_map = heat_maps.get(name)
                heated[view.name] = ViewPanel(
                    pixels,
                    heat_map=None
                    if heat_map is None
                    else frame.image_to_canonical(heat_map),
                )
        title = (
            f'malignancy {entry["malignancy"]:.2f}, {entry["examined_side"]} examined'
        )
        entry['figure'] = self.draw_views(
            exam, outlined, f'{title}, segmented masses', out_dir
        )
        entry['heat_map_figure'] = self.draw_views(
            exam,
            heated,
            f'{title}, Grad-CAM of {entry["heat_map_class"]}',
            out_dir,
            '_heat_map',
        )


def _outlines(region: np.ndarray) -> list[dict]:
    """Return the entry of each connected component of a region, largest first."""
    parts, _ = cv2.findContours(
        region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    parts = sorted(parts, key=cv2.contourArea, reverse=True)
    return [
        dict(bbox=[x, y, x + width, y + height], outline=(part[:, 0] + 0.5).tolist())
        for part, (x, y, width, height) in zip(parts, map(cv2.boundingRect, parts))
    ]
