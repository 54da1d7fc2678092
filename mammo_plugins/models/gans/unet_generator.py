"""The generator of the blending adversarial networks."""

import torch
from torch import Tensor, nn

from mammo_plugins.models.backbones.unet import UNet
from mammo_plugins.registry import MODELS


@MODELS.register_module()
class UNetGenerator(UNet):
    """A U-Net that grows a pasted lesion into a normal breast (Lin et al., 2.1).

    "The generator has an hourglass architecture with an encoder and a decoder",
    "skip connections between the encoder and decoder layers", and U-Net (Ronneberger
    et al., 2015) as backbone. What the paper does not state: layers as in
    :class:`UNet`, and that the network's output, which starts from nought, is added to
    the normal image.

    Args:
        base_channels (int): Of the finest level; doubled at each coarser one, a
            multiple of 8. Defaults to 64, as in U-Net.
        num_levels (int): Resolutions, the image's own included. Defaults to 5, as in
            U-Net.
        init_cfg (dict, optional): Defaults to ``None``, as ``ConvModule`` starts.
    """

    def __init__(
        self, base_channels: int = 64, num_levels: int = 5, init_cfg: dict | None = None
    ) -> None:
        super().__init__(3, base_channels, num_levels, init_cfg)
        self.last = nn.Conv2d(base_channels, 1, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, normal: Tensor, pasted: Tensor, mask: Tensor) -> Tensor:
        """Blend.

        Args:
            normal (Tensor): The image without the lesion, (N, 1, H, W) in [0, 1].
            pasted (Tensor): The same with the lesion's patch pasted in.
            mask (Tensor): 1 where the lesion is to grow, else 0.

        Returns:
            Tensor: (N, 1, H, W).
        """
        features = super().forward(torch.cat([normal, pasted, mask], dim=1))
        return normal + self.last(features)
