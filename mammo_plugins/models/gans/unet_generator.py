"""The generator of the blending adversarial networks."""
from typing import Optional

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class UNetGenerator(BaseModule):
    """A U-Net that grows a pasted lesion into a normal breast (Lin et al., 2.1).

    "The generator has an hourglass architecture with an encoder and a decoder",
    "skip connections between the encoder and decoder layers", and U-Net (Ronneberger
    et al., 2015) as backbone. What the paper does not state: bilinear upsampling,
    group norm, which works on batches of one, and that the network's output, which
    starts from nought, is added to the normal image.

    Args:
        base_channels (int): Of the finest level; doubled at each coarser one, a
            multiple of 8. Defaults to 64, as in U-Net.
        num_levels (int): Resolutions, the image's own included. Defaults to 5, as in
            U-Net.
        init_cfg (dict, optional): Defaults to ``None``, as ``ConvModule`` starts.
    """

    def __init__(self,
                 base_channels: int = 64,
                 num_levels: int = 5,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if base_channels % 8 or num_levels < 2:
            raise ValueError(
                f'UNetGenerator: {base_channels} channels and {num_levels} levels; '
                'expected a multiple of 8, and 2 or more')
        widths = [base_channels * 2**level for level in range(num_levels)]
        self.down = nn.ModuleList(
            self._convs(coming, width)
            for coming, width in zip([3, *widths], widths))
        self.up = nn.ModuleList(
            self._convs(coarse + fine, fine)
            for coarse, fine in zip(widths[:0:-1], widths[-2::-1]))
        self.last = nn.Conv2d(base_channels, 1, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    @staticmethod
    def _convs(coming: int, width: int) -> nn.Sequential:
        settings = dict(
            kernel_size=3, padding=1, norm_cfg=dict(type='GN', num_groups=8))
        return nn.Sequential(
            ConvModule(coming, width, **settings),
            ConvModule(width, width, **settings))

    def forward(self, normal: Tensor, pasted: Tensor, mask: Tensor) -> Tensor:
        """Blend.

        Args:
            normal (Tensor): The image without the lesion, (N, 1, H, W) in [0, 1].
            pasted (Tensor): The same with the lesion's patch pasted in.
            mask (Tensor): 1 where the lesion is to grow, else 0.

        Returns:
            Tensor: (N, 1, H, W).
        """
        x, skips = torch.cat([normal, pasted, mask], dim=1), []
        for level in self.down:
            x = level(F.max_pool2d(x, 2, ceil_mode=True) if skips else x)
            skips.append(x)
        for level, skip in zip(self.up, skips[-2::-1]):
            x = F.interpolate(x, skip.shape[2:], mode='bilinear')
            x = level(torch.cat([x, skip], dim=1))
        return normal + self.last(x)
