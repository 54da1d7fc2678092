"""An image split into what is normal and what is not."""
from typing import Sequence, Tuple

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class DisentanglingDecoder(BaseModule):
    """The U-Net-like decoder of DisAsymNet's module AsyD (section 2.2).

    From the transformer's output up to the image's size, with the encoder's stages
    concatenated on the way; two channels come out, the normal and the abnormal
    image. Layers are not stated: at each level bilinear upsampling and two 3 x 3
    convolutions with batch norm and ReLU; a sigmoid at the end, since images are in
    [0, 1].

    Args:
        in_channels (Sequence[int]): Of the encoder's stages, from the finest on; the
            last is that of the transformer's output.
        channels (int): Of the finest level; doubled at each coarser one. Defaults
            to 32.
        init_cfg (dict, optional): Defaults to ``None``, as ``ConvModule`` starts.
    """

    def __init__(self,
                 in_channels: Sequence[int],
                 channels: int = 32,
                 init_cfg=None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.levels = nn.ModuleList()
        coming = in_channels[-1]
        for level, skipped in reversed(list(enumerate(in_channels[:-1]))):
            width = channels * 2**level
            self.levels.append(self._convs(coming + skipped, width))
            coming = width
        self.last = nn.Sequential(
            self._convs(coming, channels), nn.Conv2d(channels, 2, 1))

    @staticmethod
    def _convs(coming: int, width: int) -> nn.Sequential:
        settings = dict(kernel_size=3, padding=1, norm_cfg=dict(type='BN'))
        return nn.Sequential(
            ConvModule(coming, width, **settings),
            ConvModule(width, width, **settings))

    def forward(self, output: Tensor, stages: Sequence[Tensor],
                size: Tuple[int, int]) -> Tuple[Tensor, Tensor]:
        """Decode.

        Args:
            output (Tensor): (N, C, h, w), the transformer's.
            stages (Sequence[Tensor]): The encoder's, from the finest on; the last
                one is not used.
            size (tuple[int]): (H, W) of the images.

        Returns:
            tuple[Tensor, Tensor]: x_n and x_ab, (N, 1, H, W) in [0, 1].
        """
        x = output
        for level, skipped in zip(self.levels, stages[-2::-1]):
            x = F.interpolate(x, skipped.shape[2:], mode='bilinear')
            x = level(torch.cat([x, skipped], dim=1))
        x = self.last(F.interpolate(x, size, mode='bilinear'))
        return tuple(x.sigmoid().split(1, dim=1))
