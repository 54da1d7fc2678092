"""Normalization of grey images for any network."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class GreyNormalization(nn.Module):
    """``(x - mean) / std`` of grey images, repeated to the channels of a network.

    It has no parameters and no entries in checkpoints.

    Args:
        mean, std (float | Sequence[float]): Mean and standard deviation of images in
            [0, 1]; one number, or one per output channel. Default to 0 and 1.
        num_channels (int, optional): Output channels. Defaults to ``None``, the number
            of values given.
    """

    def __init__(
        self,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        num_channels: int | None = None,
    ) -> None:
        super().__init__()
        for name, values in (('mean', mean), ('std', std)):
            self.register_buffer(
                name, torch.tensor(values).float().view(1, -1, 1, 1), persistent=False
            )
        self.num_channels = num_channels or max(self.mean.size(1), self.std.size(1))

    @property
    def black(self) -> Tensor:
        """Tensor: (1, C, 1, 1), the background of mammograms after normalization."""
        return (0 - self.mean) / self.std

    def forward(self, images: Tensor) -> Tensor:
        """Normalize images.

        Args:
            images (Tensor): (N, 1, H, W) in [0, 1].

        Returns:
            Tensor: (N, num_channels, H, W).
        """
        return ((images - self.mean) / self.std).expand(-1, self.num_channels, -1, -1)
