"""Batches of grey images."""

from mmdet.models.data_preprocessors import DetDataPreprocessor

from mammo_plugins.models.multi_view import GreyNormalization
from mammo_plugins.registry import MODELS


@MODELS.register_module()
class MammogramDataPreprocessor(DetDataPreprocessor):
    """Normalize and pad single-channel images in [0, 1].

    Unlike its parent, it accepts grey images for networks with weights for colour
    images. It pads with black, the background of a mammogram, instead of with the mean.

    Args:
        mean (float): Mean grey value, on a scale from 0 to 1. Defaults to 0.
        std (float): Standard deviation of the grey values. Defaults to 1.
        num_channels (int): Number of identical output channels. Defaults to 3, as
            ImageNet weights expect.
        **kwargs: As in :class:`mmdet.models.DetDataPreprocessor`.
    """

    def __init__(
        self, mean: float = 0.0, std: float = 1.0, num_channels: int = 3, **kwargs
    ) -> None:
        for name, value in (('mean', mean), ('std', std)):
            if not isinstance(value, (int, float)):
                raise ValueError(
                    f'MammogramDataPreprocessor.{name}: {value}; expected '
                    'one number, mammograms are grey'
                )
        super().__init__(**kwargs)  # pads with 0, black, before the normalization
        self.normalization = GreyNormalization(mean, std, num_channels)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Batch, normalize and pad.

        Args:
            data (dict): ``inputs``, a list of (1, H, W) tensors, and
                ``data_samples``.
            training (bool): Whether to apply batch augmentations.

        Returns:
            dict: ``inputs`` of shape (N, num_channels, H', W') and
            ``data_samples``.
        """
        for i, image in enumerate(data['inputs']):
            if image.size(0) != 1:
                raise ValueError(
                    f'MammogramDataPreprocessor: input {i} has shape '
                    f'{tuple(image.shape)}; expected one channel, (1, H, W). '
                    'Load images with LoadMammogram, or use '
                    'mmdet.DetDataPreprocessor for colour pictures'
                )
        data = super().forward(data, training)
        data['inputs'] = self.normalization(data['inputs'])
        return data
