"""Generator of the blending adversarial networks."""

import torch
from torch import Tensor, nn

from mammo_plugins.models.backbones.unet import UNet
from mammo_plugins.registry import MODELS


@MODELS.register_module()
class UNetGenerator(UNet):
    """U-Net that blends a pasted lesion into a normal breast (Lin et al., 2.1).

    "The generator has an hourglass architecture with an encoder and a decoder", "skip
    connections between the encoder and decoder layers", and U-Net
    (Ronneberger et al., 2015) as backbone. The paper does not state the layers, which
    are those of :class:`UNet`, nor that the network's output, which is initially zero,
    is added to the normal image.

    Args:
        base_channels (int): Channels of the finest level, a multiple of 8; doubled at
            each coarser level. Defaults to 64, as in U-Net.
        num_levels (int): Number of resolutions, including that of the image. Defaults
            to 5, as in U-Net.
        init_cfg (dict, optional): Defaults to ``None``, the initialization of
            ``ConvModule``.
    """

    def __init__(
        self, base_channels: int = 64, num_levels: int = 5, init_cfg: dict | None = None
    ) -> None:
        super().__init__(3, base_channels, num_levels, init_cfg)
        self.last = nn.Conv2d(base_channels, 1, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, normal: Tensor, pasted: Tensor, mask: Tensor) -> Tensor:
        """Blend lesions into images.

        Args:
            normal (Tensor): Images without lesions, (N, 1, H, W) in [0, 1].
            pasted (Tensor): The same images with the lesions' patches pasted in.
            mask (Tensor): 1 where the lesion is to be blended in, 0 elsewhere.

        Returns:
            Tensor: (N, 1, H, W).
        """
        features = super().forward(torch.cat([normal, pasted, mask], dim=1))
        return normal + self.last(features)
