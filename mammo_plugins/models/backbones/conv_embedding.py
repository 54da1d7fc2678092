"""A small patch embedding."""

from collections.abc import Sequence

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class ConvEmbedding(BaseModule):
    """Convolutions of stride 2, each with batch norm and ReLU.

    Replaces DINOv2 in small variants of NaFV-Net, which then need no pretrained
    weights.

    Args:
        in_channels (int): Channels of the images. Defaults to 1.
        channels (Sequence[int]): Channels of the convolutions. Defaults to (16, 32).
    """

    def __init__(
        self, in_channels: int = 1, channels: Sequence[int] = (16, 32)
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(
                ConvModule(
                    coming, width, 3, stride=2, padding=1, norm_cfg=dict(type='BN')
                )
                for coming, width in zip((in_channels, *channels), channels)
            )
        )

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Embed images.

        Args:
            x (Tensor): (N, C, H, W).

        Returns:
            tuple[Tensor]: One map, (N, channels[-1], H / 2^n, W / 2^n).
        """
        return (self.layers(x),)
