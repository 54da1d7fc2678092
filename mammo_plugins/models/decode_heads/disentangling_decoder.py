"""Decoding of an image into a normal and an abnormal one."""

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class DisentanglingDecoder(BaseModule):
    """U-Net-like decoder of DisAsymNet's module AsyD (section 2.2).

    It upsamples the transformer's output to the encoder's finest stage, concatenates
    the encoder's stages on the way, and outputs two channels, the normal and the
    abnormal image. The paper does not state the layers. Here, each level has bilinear
    upsampling and two 3 x 3 convolutions with batch norm and ReLU. The last step, to
    the image's resolution, is a convolution with a pixel shuffle, at a fraction of the
    cost of convolutions on the full image. Its weights start at zero. There is no
    sigmoid at the end, which would be slow to reach the black of air.

    Args:
        in_channels (Sequence[int]): Channels of the encoder's stages, finest first; the
            last value is also that of the transformer's output.
        stride (int): Stride of the finest stage. Defaults to 4.
        channels (int): Channels of the finest level; doubled at each coarser one.
            Defaults to 32.
        init_cfg (dict, optional): Defaults to ``None``, the initialization of
            ``ConvModule``.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        stride: int = 4,
        channels: int = 32,
        init_cfg=None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.levels = nn.ModuleList()
        coming = in_channels[-1]
        for level, skipped in reversed(list(enumerate(in_channels[:-1]))):
            width = channels * 2**level
            self.levels.append(self._convs(coming + skipped, width))
            coming = width
        to_pixels = nn.Conv2d(coming, 2 * stride**2, 3, padding=1)
        nn.init.zeros_(to_pixels.weight)
        nn.init.zeros_(to_pixels.bias)
        self.last = nn.Sequential(to_pixels, nn.PixelShuffle(stride))

    @staticmethod
    def _convs(coming: int, width: int) -> nn.Sequential:
        settings = dict(kernel_size=3, padding=1, norm_cfg=dict(type='BN'))
        return nn.Sequential(
            ConvModule(coming, width, **settings), ConvModule(width, width, **settings)
        )

    def forward(
        self, output: Tensor, stages: Sequence[Tensor], size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Decode features into images.

        Args:
            output (Tensor): Output of the transformer, (N, C, h, w).
            stages (Sequence[Tensor]): Output of the encoder's stages, finest first; the
                last one is not used.
            size (tuple[int]): (H, W) of the images, at most ``stride`` times that of
                the finest stage.

        Returns:
            tuple[Tensor, Tensor]: x_n and x_ab, (N, 1, H, W), approximately in [0, 1].
        """
        x = output
        for level, skipped in zip(self.levels, stages[-2::-1]):
            x = F.interpolate(x, skipped.shape[2:], mode='bilinear')
            x = level(torch.cat([x, skipped], dim=1))
        height, width = size
        return tuple(self.last(x)[..., :height, :width].split(1, dim=1))
