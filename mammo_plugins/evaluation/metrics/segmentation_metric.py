"""Segmentation of masses as a metric of MMEngine's evaluator."""
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from mammo_plugins.datasets.transforms.lesion_map import IGNORED
from mammo_plugins.registry import METRICS

from .froc_metric import _to_numpy
from .weak_localization_metric import ImageResult, WeakLocalizationMetric


@METRICS.register_module()
class SegmentationMetric(WeakLocalizationMetric):
    """Dice and IoU of masses in the views of an exam (NaFV-Net, table 2).

    As :class:`WeakLocalizationMetric` with segmentation maps in place of heat maps, held
    against those that :class:`DrawLesionMap` draws: means over the views with a mass,
    each with an interval by bootstrap over patients. The paper does not say what its
    mIoU is a mean of; ``iou`` is that over views. Views without a mass have no Dice;
    ``n_false_alarms`` tells how many of the ``n_normal`` ones have something segmented.

    Args:
        views (Sequence[str]): Names of the views that count. Defaults to those of
            recombined images.
        prefix (str, optional): Prefix of the names. Defaults to None: 'segmentation'.
        **kwargs: ``n_bootstrap``, ``seed``, ``out_dir``, ``collect_device`` as in
            :class:`WeakLocalizationMetric`.
    """
    default_prefix: Optional[str] = 'segmentation'

    def __init__(self,
                 views: Sequence[str] = ('CEM-RC RCC', 'CEM-RC LCC', 'CEM-RC RMLO',
                                         'CEM-RC LMLO'),
                 **kwargs) -> None:
        super().__init__(views=views, **kwargs)

    def _regions(self, view: dict
                 ) -> Tuple[np.ndarray, Optional[np.ndarray], Optional[np.ndarray]]:
        for key, hint in (
                ('pred_sem_seg', f'the model has to segment {self.views}, or views of '
                 'the metric has to name others'),
                ('gt_sem_seg', 'the test pipeline needs DrawLesionMap')):
            if view.get(key) is None:
                raise ValueError(f'no {key}; {hint}')
        found, drawn = (_to_numpy(view[key]['sem_seg'])[0]
                        for key in ('pred_sem_seg', 'gt_sem_seg'))
        lesions, ignored = drawn == 1, drawn == IGNORED
        return (found == 1, lesions if lesions.any() else None,
                ignored if ignored.any() else None)

    def compute_metrics(self, results: List[List[ImageResult]]) -> Dict[str, float]:
        """Compute the figures, log them and write the file.

        Args:
            results (list): From :meth:`process`, of all ranks.

        Returns:
            dict[str, float]: See the class.
        """
        normal = [image for result in results for image in result
                  if image.overlap is None and not image.ignored]
        return dict(
            super().compute_metrics(results), n_normal=float(len(normal)),
            n_false_alarms=float(sum(image.found for image in normal)))

    def _settings(self) -> dict:
        return {}

    def _rule(self, summary: dict) -> str:
        counts = summary['counts']
        return (f"Means over {counts['abnormal_images']} views with a mass of "
                f"{counts['images']}, all masses of a view together.")
