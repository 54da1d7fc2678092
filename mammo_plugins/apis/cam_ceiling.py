"""Upper limit on the localization that heat maps of a grid can reach."""

import cv2
import numpy as np
import torch
from tqdm import tqdm

from mammo_plugins.datasets import ExamDataset
from mammo_plugins.evaluation.metrics import WeakLocalizationMetric
from mammo_plugins.evaluation.metrics.weak_localization_metric import instance_masks
from mammo_plugins.structures.multi_view_data_sample import views_of


def knowing_map(lesions: np.ndarray, grid: tuple) -> np.ndarray:
    """Return the ideal heat map of a grid, computed from the lesions themselves.

    Args:
        lesions (np.ndarray): bool, (H, W).
        grid (tuple[int]): (h, w), spaced evenly over the image.

    Returns:
        np.ndarray: (H, W) in [0, 1].
    """
    shares = cv2.resize(
        lesions.astype(np.float32), grid[::-1], interpolation=cv2.INTER_AREA
    )
    return cv2.resize(shares, lesions.shape[::-1], interpolation=cv2.INTER_LINEAR)


def measure(dataset: ExamDataset, grid: tuple) -> dict:
    """Log and return the metric's figures over all test samples."""
    metric = WeakLocalizationMetric(n_bootstrap=0)
    metric.dataset_meta = dataset.metainfo
    for i in tqdm(range(len(dataset)), desc='pairs', unit='pair'):
        sample = dataset[i]['data_samples']
        for view in views_of(sample):
            shape = tuple(view.img_shape[:2])
            masks = instance_masks(view.to_dict(), 'gt_instances', shape)
            view.heat_map = torch.from_numpy(
                knowing_map(
                    masks.any(axis=0) if len(masks) else np.zeros(shape, bool), grid
                )
            )
        metric.process(None, [sample.to_dict()])
    return metric.evaluate(len(dataset))
