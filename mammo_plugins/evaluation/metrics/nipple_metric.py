"""Distance between predicted and annotated nipples."""

from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from mammo_plugins.registry import METRICS


@METRICS.register_module()
class NippleMetric(BaseMetric):
    """Distance of the keypoint with the highest score from the nipple.

    The metrics are ``mean_mm`` and ``median_mm`` over the images in which a nipple was
    found; ``within_10mm``, the share of images in which it was found within 10 mm;
    ``not_found``, the share without a prediction; ``n_images``, the number with a known
    nipple; and ``n_unknown``, the number of the others, which do not count. Distances
    in millimetres are for images with ``pixel_spacing_mm``. For images without it,
    ``mean_px`` and ``median_px`` are reported, in pixels of the file.

    Samples need ``pred_instances.keypoints`` and ``scores``, and the metainfo
    ``nipple`` (in pixels of the network's input, as ``PackNippleInputs`` and
    ``PackExamInputs`` set it), ``scale_factor`` and ``pixel_spacing_mm``.

    Args:
        within_mm (float): Distance that counts as correct. Defaults to 10.
        collect_device (str): As in :class:`mmengine.evaluator.BaseMetric`.
        prefix (str, optional): Prefix of the names. Defaults to 'nipple'.
    """

    default_prefix = 'nipple'

    def __init__(
        self,
        within_mm: float = 10.0,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.within_mm = within_mm

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Measure the images of a batch.

        Args:
            data_batch (dict): Not used.
            data_samples (Sequence[dict]): Predictions.
        """
        for sample in data_samples:
            known = sample['nipple'] is not None
            spacing = sample.get('pixel_spacing_mm')
            self.results.append(
                dict(
                    known=known,
                    unit='px' if spacing is None else 'mm',
                    error=self._error(sample) if known else None,
                )
            )

    @staticmethod
    def _error(sample: dict) -> float:
        """Return the distance in mm, or in file pixels without spacing; inf: none."""
        found = sample['pred_instances']
        if not len(found['scores']):
            return np.inf
        point = found['keypoints'][found['scores'].argmax(), 0].cpu().numpy()
        nipple = np.asarray(sample['nipple']) / sample['scale_factor']
        row, column = sample.get('pixel_spacing_mm') or (1.0, 1.0)
        return float(np.hypot(*((point - nipple) * (column, row))))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Summarize.

        Args:
            results (list[dict]): From :meth:`process`, of all ranks.

        Returns:
            dict[str, float]: See the class.
        """
        known = [result for result in results if result['known']]
        metrics = {}
        for unit in ('mm', 'px'):
            errors = np.array([r['error'] for r in known if r['unit'] == unit])
            found = errors[np.isfinite(errors)]
            if len(found):
                metrics[f'mean_{unit}'] = float(found.mean())
                metrics[f'median_{unit}'] = float(np.median(found))
            if len(errors) and unit == 'mm':
                metrics[f'within_{self.within_mm:g}mm'] = float(
                    (errors <= self.within_mm).mean()
                )
        if known:
            metrics['not_found'] = float(np.isinf([r['error'] for r in known]).mean())
        else:
            MMLogger.get_current_instance().warning(
                'NippleMetric: no image has a known nipple; nothing to measure'
            )
        return dict(metrics, n_images=len(known), n_unknown=len(results) - len(known))
