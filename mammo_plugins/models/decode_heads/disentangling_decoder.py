"""An image split into what is normal and what is not."""

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class DisentanglingDecoder(BaseModule):
    """The U-Net-like decoder of DisAsymNet's module AsyD (section 2.2).

    From the transformer's output up to the encoder's finest stage, whose stages are
    concatenated on the way; two channels come out, the normal and the abnormal image.
    Layers are not stated: at each level bilinear upsampling and two 3 x 3 convolutions
    with batch norm and ReLU. The last step, to the image's pixels, is a convolution
    that gives each of a place's pixels (pixel shuffle), at a fraction of the cost of
    convolutions on the full image. It starts from nought and ends without a sigmoid,
    which would be slow to reach the black of air.

    Args:
        in_channels (Sequence[int]): Of the encoder's stages, from the finest on; the
            last is that of the transformer's output.
        stride (int): Of the finest stage. Defaults to 4.
        channels (int): Of the finest level; doubled at each coarser one. Defaults
            to 32.
        init_cfg (dict, optional): Defaults to ``None``, as ``ConvModule`` starts.
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
        """Decode.

        Args:
            output (Tensor): (N, C, h, w), the transformer's.
            stages (Sequence[Tensor]): The encoder's, from the finest on; the last
                one is not used.
            size (tuple[int]): (H, W) of the images, at most ``stride`` times that of
                the finest stage.

        Returns:
            tuple[Tensor, Tensor]: x_n and x_ab, (N, 1, H, W), about [0, 1].
        """
        x = output
        for level, skipped in zip(self.levels, stages[-2::-1]):
            x = F.interpolate(x, skipped.shape[2:], mode='bilinear')
            x = level(torch.cat([x, skipped], dim=1))
        height, width = size
        return tuple(self.last(x)[..., :height, :width].split(1, dim=1))
