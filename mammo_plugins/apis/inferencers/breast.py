"""Malignancy of breasts."""

from pathlib import Path
from typing import Any

from mammo_plugins.registry import INFERENCERS
from mammo_plugins.structures.multi_view_data_sample import (
    MultiViewDataSample,
    views_of,
)
from mammo_plugins.visualization import ViewPanel

from .base import ExamInferencer
from .loaded_exam import LoadedExam, probability_of


@INFERENCERS.register_module()
class BreastInferencer(ExamInferencer):
    """Inferencer for classifiers of a breast from its two views, such as DIVF-Net.

    The exam gets ``breasts``, each view ``malignancy``. The picture shows the views
    unchanged, with the malignancy of the breasts in its title.

    Args:
        *args: As in :class:`ExamInferencer`.
        **kwargs: As in :class:`ExamInferencer`.
    """

    target = 'breast'

    def postprocess(
        self, exam: LoadedExam, predictions: list[MultiViewDataSample]
    ) -> dict[str, Any]:
        """See :meth:`ExamInferencer.postprocess`."""
        said = {
            exam.name_of(view): dict(malignancy=probability_of(view))
            for sample in predictions
            for view in views_of(sample)
        }
        return dict(
            breasts=[
                dict(
                    laterality=views_of(sample)[0].laterality,
                    malignancy=probability_of(sample),
                )
                for sample in predictions
            ],
            views=self.view_entries(exam, predictions, said),
        )

    def visualize(
        self,
        exam: LoadedExam,
        predictions: list[MultiViewDataSample],
        entry: dict[str, Any],
        out_dir: Path,
        score_thr: float,
    ) -> None:
        """See :meth:`ExamInferencer.visualize`."""
        panels = {name: ViewPanel(exam.load(name)[0]) for name in exam.views}
        entry['figure'] = self.draw_views(
            exam,
            panels,
            'malignancy '
            + ', '.join(
                f'{breast["laterality"]} {breast["malignancy"]:.2f}'
                for breast in entry['breasts']
            ),
            out_dir,
        )
