"""Classification of views as a metric of MMEngine's evaluator."""

from mammo_plugins.registry import METRICS
from mammo_plugins.structures.multi_view_data_sample import VIEW_NAMES

from .froc_metric import _to_numpy
from .roc_metric import Labelled, ROCMetric, breast_of, images_of


@METRICS.register_module()
class ViewROCMetric(ROCMetric):
    """AUC over the views of multi-view samples.

    Like :class:`ROCMetric`, with a score and a label for each view, such as the
    abnormality of each side in DisAsymNet (table 1).

    Args:
        prefix (str, optional): Prefix of the names. Defaults to None: 'abnormal'.
        **kwargs: As in :class:`ROCMetric`.
    """

    default_prefix: str | None = 'abnormal'

    def _rule(self) -> str:
        return 'Each labelled view counts once.'

    def _take(self, sample: dict) -> list[Labelled]:
        """Collect the views' scores.

        Args:
            sample (dict): Views by name, each with ``pred_score`` (2, ) and
                the meta keys ``gt_label`` (int or ``None``), ``exam_id`` and
                ``laterality``; and ``patient_id``.
        """
        views = [sample[name] for name in VIEW_NAMES if name in sample]
        if not any('pred_score' in view for view in views):
            raise ValueError('no view has a pred_score; the model must classify views')
        return [
            Labelled(
                int(view['gt_label']),
                self._finite(_to_numpy(view['pred_score']).reshape(-1)[-1]),
                sample.get('patient_id'),
                breast_of(view),
                view.get('exam_id', sample.get('exam_id')),
                images_of(view),
            )
            for view in views
            if view.get('gt_label') is not None
        ]
