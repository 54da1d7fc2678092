"""Photometric augmentation of float mammograms."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from mammo_plugins.registry import TRANSFORMS

_ROWS = 32  # as many rows as fit into the processor's cache at a time


@TRANSFORMS.register_module()
class RandomIntensity(BaseTransform):
    """Vary brightness, contrast and gamma, as exposure and image processing do.

    ``img <- clip(contrast * (img ** gamma - 0.5) + 0.5 + brightness, 0, 1)`` within
    the breast; the background stays 0. mmdet's ``PhotoMetricDistortion`` needs
    three channels in [0, 255]; this works on (H, W) float32 in [0, 1].

    Required Keys:

    - img

    Modified Keys:

    - img

    Args:
        brightness (float): Maximum shift in either direction. Defaults to 0.05.
        contrast (float): Maximum relative change in either direction. Defaults to 0.1.
        gamma (float): Maximum change of the exponent, which is drawn log-uniformly
            between ``1 / (1 + gamma)`` and ``1 + gamma``. Defaults to 0.15.
        prob (float): Probability of any change. Defaults to 0.5.
    """

    def __init__(
        self,
        brightness: float = 0.05,
        contrast: float = 0.1,
        gamma: float = 0.15,
        prob: float = 0.5,
    ) -> None:
        self.brightness = brightness
        self.contrast = contrast
        self.gamma = gamma
        self.prob = prob

    @cache_randomness
    def _draw(self) -> tuple[bool, float, float, float]:
        """Return whether to change the image, and (brightness, contrast, gamma)."""
        return (
            np.random.rand() < self.prob,
            np.random.uniform(-self.brightness, self.brightness),
            np.random.uniform(1 - self.contrast, 1 + self.contrast),
            float(np.exp(np.random.uniform(-1, 1) * np.log1p(self.gamma))),
        )

    def transform(self, results: dict) -> dict:
        """Change the grey values of ``results['img']``."""
        act, brightness, contrast, gamma = self._draw()
        if act:
            image = results['img']
            changed = np.empty_like(image)
            for top in range(0, len(image), _ROWS):
                rows = image[top : top + _ROWS]
                levels = np.clip(
                    contrast * (rows**gamma - 0.5) + 0.5 + brightness, 0, 1
                )
                changed[top : top + _ROWS] = np.where(rows > 0, levels, 0)
            results['img'] = changed
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(brightness={self.brightness}, '
            f'contrast={self.contrast}, gamma={self.gamma}, '
            f'prob={self.prob})'
        )
