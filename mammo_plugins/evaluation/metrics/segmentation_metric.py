"""Segmentation of masses as a metric of MMEngine's evaluator."""

import numpy as np

from mammo_plugins.registry import METRICS
from mammo_plugins.structures.multi_view_data_sample import VIEW_NAMES
from mammo_plugins.structures.segmentation import IGNORED

from .froc_metric import _to_numpy
from .weak_localization_metric import ImageResult, WeakLocalizationMetric


@METRICS.register_module()
class SegmentationMetric(WeakLocalizationMetric):
    """Dice and IoU of masses in the views of an exam (NaFV-Net, table 2).

    Like :class:`WeakLocalizationMetric`, but compares segmentation maps instead of heat
    maps with those of :class:`DrawLesionMap`, in pixels of the network's input. The
    figures are means over the views with a mass, each with an interval by bootstrap
    over patients. The paper does not state over what its mIoU is averaged; ``iou`` is
    the mean over views. Views without a mass have no Dice; ``n_false_alarms`` counts
    those of the ``n_normal`` ones with a segmented region.

    Only views segmented by the model count: ``pred_sem_seg`` (1, H, W), 1 in masses,
    with ``gt_sem_seg`` of the same size.

    Args:
        prefix (str, optional): Prefix of the names. Defaults to None: 'segmentation'.
        **kwargs: ``n_bootstrap``, ``seed``, ``out_dir``, ``collect_device`` as in
            :class:`WeakLocalizationMetric`.
    """

    default_prefix: str | None = 'segmentation'

    def _views(self, sample: dict) -> list[dict]:
        views = [
            sample[name]
            for name in VIEW_NAMES
            if 'pred_sem_seg' in sample.get(name, {})
        ]
        if not views:
            raise ValueError(
                'SegmentationMetric: no view has a pred_sem_seg; the model must '
                'segment views'
            )
        return views

    def _regions(
        self, view: dict
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        if view.get('gt_sem_seg') is None:
            raise ValueError('no gt_sem_seg; the test pipeline needs DrawLesionMap')
        found, drawn = (
            _to_numpy(view[key]['sem_seg'])[0] for key in ('pred_sem_seg', 'gt_sem_seg')
        )
        lesions, ignored = drawn == 1, drawn == IGNORED
        return (
            found == 1,
            lesions if lesions.any() else None,
            ignored if ignored.any() else None,
        )

    def compute_metrics(self, results: list[list[ImageResult]]) -> dict[str, float]:
        """Compute the figures, log them and write the file.

        Args:
            results (list): From :meth:`process`, of all ranks.

        Returns:
            dict[str, float]: See the class.
        """
        normal = [
            image
            for result in results
            for image in result
            if image.overlap is None and not image.ignored
        ]
        return dict(
            super().compute_metrics(results),
            n_normal=float(len(normal)),
            n_false_alarms=float(sum(image.found for image in normal)),
        )

    def _sweep(self, *regions) -> tuple[None, tuple]:
        return None, ()

    def _swept(self, abnormal: list[ImageResult]) -> dict:
        return {}

    def _settings(self) -> dict:
        return {}

    def _rule(self, summary: dict) -> str:
        counts = summary['counts']
        return (
            f'Means over {counts["abnormal_images"]} views with a mass of '
            f'{counts["images"]}, all masses of a view together.'
        )
