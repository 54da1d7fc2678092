"""Running a nipple detector on single images."""

import numpy as np
import torch
from mmdet.structures import DetDataSample

from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.apis.trained_model import TrainedModel


class NippleLocator(TrainedModel):
    """A trained nipple detector (MommiNet-v2, section 3.3), ready for images.

    Args:
        *args: As in :class:`TrainedModel`.
        **kwargs: As in :class:`TrainedModel`.

    Raises:
        ConfigError: If the model is not a nipple detector.

    Example:
        >>> locator = NippleLocator('nipple-detector_phantom.py', 'epoch_8.pth')
        >>> inferencer = ExamInferencer(config, checkpoint, nipple_locator=locator)
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not hasattr(self.model, 'locate'):
            raise ConfigError(
                f'{self.config.filename}: model.type is '
                f'{type(self.model).__name__}; expected a '
                'NippleDetector'
            )

    def __call__(self, image: np.ndarray) -> tuple[float, float] | None:
        """Find the nipple.

        Args:
            image (np.ndarray): (H, W) float32 in [0, 1], in the canonical frame.

        Returns:
            tuple[float] or None: (x, y) in pixels of the image.
        """
        sample = DetDataSample(metainfo=dict(img_shape=image.shape))
        data = self.model.data_preprocessor(
            dict(inputs=[torch.from_numpy(image)[None]], data_samples=[sample])
        )
        return self.model.locate(data['inputs'], sample)
