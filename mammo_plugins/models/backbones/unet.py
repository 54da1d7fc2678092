"""U-Net."""

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class UNet(BaseModule):
    """U-Net (Ronneberger et al., 2015) with features at full resolution.

    Bilinear upsampling instead of transposed convolutions, padding instead of cropping,
    and group norm, which works on batches of one.

    Args:
        in_channels (int): Channels of the images.
        base_channels (int): Channels of the finest level, a multiple of 8; doubled at
            each coarser level. Defaults to 64, as in the paper.
        num_levels (int): Number of resolutions, including that of the image. Defaults
            to 5, as in the paper.
        init_cfg (dict, optional): Defaults to ``None``, the initialization of
            ``ConvModule``.
    """

    def __init__(
        self,
        in_channels: int,
        base_channels: int = 64,
        num_levels: int = 5,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if base_channels % 8 or num_levels < 2:
            raise ValueError(
                f'UNet: {base_channels} channels and {num_levels} levels; expected a '
                'multiple of 8, and 2 or more'
            )
        widths = [base_channels * 2**level for level in range(num_levels)]
        self.down = nn.ModuleList(
            self._convs(coming, width)
            for coming, width in zip([in_channels, *widths], widths)
        )
        self.up = nn.ModuleList(
            self._convs(coarse + fine, fine)
            for coarse, fine in zip(widths[:0:-1], widths[-2::-1])
        )

    @staticmethod
    def _convs(coming: int, width: int) -> nn.Sequential:
        settings = dict(
            kernel_size=3, padding=1, norm_cfg=dict(type='GN', num_groups=8)
        )
        return nn.Sequential(
            ConvModule(coming, width, **settings), ConvModule(width, width, **settings)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Extract features.

        Args:
            images (Tensor): (N, in_channels, H, W).

        Returns:
            Tensor: (N, base_channels, H, W).
        """
        x, skips = images, []
        for level in self.down:
            x = level(F.max_pool2d(x, 2, ceil_mode=True) if skips else x)
            skips.append(x)
        for level, skip in zip(self.up, skips[-2::-1]):
            x = F.interpolate(x, skip.shape[2:], mode='bilinear')
            x = level(torch.cat([x, skip], dim=1))
        return x
