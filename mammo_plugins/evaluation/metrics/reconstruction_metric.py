"""Comparison of predicted lesion-free images with the phantom's true ones."""

from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from mammo_plugins.anatomy import breast_mask
from mammo_plugins.evaluation.functional import (
    RECONSTRUCTION_FIGURES,
    means_summary,
    reconstruction_errors,
    similarity,
)
from mammo_plugins.evaluation.metrics.resampling import resampling_units
from mammo_plugins.io import write_json
from mammo_plugins.registry import METRICS
from mammo_plugins.structures import LATERALITIES

from .froc_metric import _name, _to_numpy
from .weak_localization_metric import figure_metrics, instance_masks, interval_sentence

FORMAT = 'mammo_plugins.reconstruction/1'
FIGURES = (*RECONSTRUCTION_FIGURES, 'similarity', 'similarity_truth', 'agreement')

Result = list[tuple[tuple[float, ...], Hashable]]


@METRICS.register_module()
class ReconstructionMetric(BaseMetric):
    """Similarity of 'normal' images to the breasts without their lesions.

    For the phantom, whose lesion-free pixels are known: ``LoadPhantomNormal`` in the
    test pipeline loads them. The metrics are ``inside``, ``inside_unchanged``,
    ``inside_bias`` and ``outside`` as in
    :class:`~mammo_plugins.evaluation.functional.ReconstructionErrors`, and
    ``similarity``: the correlation of a normal image with that of the previous patient,
    in the same view, where both show breast. ``similarity_truth`` is the same for the
    lesion-free pixels. If ``similarity`` is well above it, the model produces one
    pattern for all breasts, or blur. ``agreement``, the correlation with the
    lesion-free pixels of the same view in the breast, is low for a pattern and high for
    blur. All are means over the views that have such pixels, each with its 95%
    confidence interval by bootstrap over patients, ``inside_low`` and ``inside_high``;
    and ``n_images``, ``n_abnormal``.

    Args:
        views (Sequence[str]): Names of the views that count. Defaults to ('R', 'L').
        n_bootstrap (int): Bootstrap draws of patients; 0 for no intervals.
            Defaults to 1000.
        seed (int): Seed of the bootstrap. Defaults to 0.
        out_dir (str, optional): Folder for ``reconstruction.json``.
            ``EvaluationOutputHook`` sets it if it is ``None``. Defaults to
            ``None``: no file.
        collect_device (str): As in :class:`mmengine.evaluator.BaseMetric`.
        prefix (str, optional): Prefix of the names. Defaults to None:
            'reconstruction'.
    """

    default_prefix: str | None = 'reconstruction'

    def __init__(
        self,
        views: Sequence[str] = LATERALITIES,
        n_bootstrap: int = 1000,
        seed: int = 0,
        out_dir: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.views = tuple(views)
        self.n_bootstrap = n_bootstrap
        self.seed = seed
        self.out_dir = out_dir
        self._before: dict[tuple, tuple] = {}

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Measure the images of a batch.

        Args:
            data_batch (dict): ``inputs`` contains the images (1, H, W) of the samples
                by view, in [0, 1].
            data_samples (Sequence[dict]): The same number of samples. Each view has
                ``normal_img`` (H, W), ``clean_img`` (1, H, W), ``gt_instances``, and
                the sample the meta key ``patient_id``.

        Raises:
            ValueError: If one is missing or has another size.
        """
        for i, sample in enumerate(data_samples):
            # one result per sample: MMEngine removes padding by that count
            self.results.append(
                [
                    (
                        self._measure(
                            sample[name],
                            data_batch['inputs'][name][i],
                            (name, sample[name].get('view')),
                            sample.get('patient_id'),
                        ),
                        sample.get('patient_id'),
                    )
                    for name in self.views
                    if name in sample
                ]
            )

    def _measure(
        self, view: dict, image, place: tuple, patient: Hashable
    ) -> tuple[float, ...]:
        for key, hint in (
            ('normal_img', 'the model needs a decoder'),
            ('clean_img', 'the test pipeline needs LoadPhantomNormal'),
        ):
            if view.get(key) is None:
                raise ValueError(
                    f'ReconstructionMetric, image {_name(view)}: no {key}; {hint}'
                )
        image = _to_numpy(image)[0]
        guess, truth = _to_numpy(view['normal_img']), _to_numpy(view['clean_img'])[0]
        breast = breast_mask(image)
        try:
            errors = reconstruction_errors(
                guess,
                truth,
                image,
                instance_masks(view, 'gt_instances', image.shape).any(axis=0),
                breast,
            )
        except ValueError as error:
            raise ValueError(
                f'ReconstructionMetric, image {_name(view)}: {error}'
            ) from error
        return (
            *errors,
            *self._similarities(place, patient, guess, truth, breast),
            similarity(guess, truth, breast),
        )

    def _similarities(
        self,
        place: tuple,
        patient: Hashable,
        guess: np.ndarray,
        truth: np.ndarray,
        breast: np.ndarray,
    ) -> tuple[float, float]:
        """Compare normal images, and true ones, with those of the previous patient."""
        before = self._before.get(place)
        self._before[place] = (patient, guess, truth, breast)
        if before is None or before[0] == patient or before[3].shape != breast.shape:
            return np.nan, np.nan
        both = breast & before[3]
        return similarity(guess, before[1], both), similarity(truth, before[2], both)

    def compute_metrics(self, results: list[Result]) -> dict[str, float]:
        """Compute the figures, log them and write the file.

        Args:
            results (list): From :meth:`process`, of all ranks.

        Returns:
            dict[str, float]: See the class.
        """
        self._before = {}
        views = [view for result in results for view in result]
        errors = np.array([error for error, _ in views], float).reshape(
            -1, len(FIGURES)
        )
        patients, unit = resampling_units(self, [patient for _, patient in views])
        counts = dict(
            n_images=len(views), n_abnormal=int((~np.isnan(errors[:, 0])).sum())
        )
        summary = dict(
            means_summary(errors, FIGURES, patients, self.n_bootstrap, self.seed, unit),
            format=FORMAT,
            counts=counts,
        )
        metrics = figure_metrics(summary)
        logger = MMLogger.get_current_instance()
        logger.info(
            '%s: mean absolute error of grey values in [0, 1]: %.3f in lesions '
            '(%.3f if nothing is done; bias %+.3f), %.3f in the breast around; '
            'correlation between patients %.2f, of the truth %.2f; with the truth of '
            'the same view %.2f; %d views with lesions of %d',
            self.prefix,
            *(metrics[name] for name in FIGURES),
            counts['n_abnormal'],
            counts['n_images'],
        )
        if summary['no_interval']:
            logger.info('%s: %s', self.prefix, interval_sentence(summary))
        if self.out_dir is not None:
            stem = self.prefix.replace('/', '_')
            write_json(Path(self.out_dir) / f'{stem}.json', summary)
        return dict(metrics, **{k: float(v) for k, v in counts.items()})
