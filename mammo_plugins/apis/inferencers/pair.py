"""Asymmetry between both breasts in a projection."""

from pathlib import Path
from typing import Any

from mammo_plugins.registry import INFERENCERS
from mammo_plugins.structures.multi_view_data_sample import (
    MultiViewDataSample,
    views_of,
)
from mammo_plugins.visualization import draw_pairs, pair_panels

from .base import ExamInferencer
from .loaded_exam import LoadedExam, probability_of


@INFERENCERS.register_module()
class PairInferencer(ExamInferencer):
    """Inferencer for classifiers of a pair of breasts, such as DisAsymNet.

    A pair is both breasts in one projection. The exam gets ``pairs``, each view
    ``abnormal``. One picture per pair shows the model's result.

    Args:
        *args: As in :class:`ExamInferencer`.
        **kwargs: As in :class:`ExamInferencer`.
    """

    target = 'pair'

    def postprocess(
        self, exam: LoadedExam, predictions: list[MultiViewDataSample]
    ) -> dict[str, Any]:
        """See :meth:`ExamInferencer.postprocess`."""
        said = {
            exam.name_of(view): dict(abnormal=probability_of(view))
            for sample in predictions
            for view in views_of(sample)
        }
        return dict(
            views=self.view_entries(exam, predictions, said),
            pairs=[
                dict(
                    view=views_of(sample)[0].view,
                    asymmetric=probability_of(sample)
                    if 'pred_score' in sample
                    else None,
                )
                for sample in predictions
            ],
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
        for sample, pair in zip(predictions, entry['pairs']):
            pair['figure'] = f'{exam.key}_{pair["view"]}.png'
            originals = {
                name: exam.load(exam.name_of(sample.get(name)))[0]
                for name in sample.view_names
            }
            draw_pairs(
                [pair_panels(sample, originals, pair['view'])],
                out_dir / pair['figure'],
                exam.title(),
            )
