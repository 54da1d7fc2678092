"""GAN that generates whole images from noise, a baseline."""

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class NoiseGenerator(BaseModule):
    """Generator of whole images, breast and lesion, from a normal vector.

    The "vanilla GAN" of Lin et al., figure 5 (d). The paper does not state its layers.
    Here, a linear layer computes the coarsest map; bilinear upsampling by 2 and a
    convolution with group norm, as in :class:`UNet`, follow at each level. The
    generator draws the vector itself and uses only the number of its inputs.

    Args:
        size (Sequence[int]): (height, width) of the images, multiples of
            2 ** (``num_levels`` - 1).
        base_channels (int): Channels of the finest level, a multiple of 8; doubled at
            each coarser level, up to eight times as many. Defaults to 64.
        num_levels (int): Number of resolutions. Defaults to 7.
        latent (int): Length of the vector. Defaults to 128.
        init_cfg (dict, optional): Defaults to ``None``, the initialization of
            ``ConvModule``.

    Raises:
        ValueError: If the size cannot be halved that many times.
    """

    def __init__(
        self,
        size: Sequence[int],
        base_channels: int = 64,
        num_levels: int = 7,
        latent: int = 128,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        step = 2 ** (num_levels - 1)
        if any(length % step for length in size):
            raise ValueError(
                f'NoiseGenerator.size: {tuple(size)}; expected multiples '
                f'of {step} for {num_levels} levels'
            )
        widths = [base_channels * min(2**level, 8) for level in range(num_levels)][::-1]
        self.latent = latent
        self.coarsest = widths[0], *(length // step for length in size)
        self.first = nn.Linear(latent, widths[0] * self.coarsest[1] * self.coarsest[2])
        self.up = nn.ModuleList(
            ConvModule(
                coming, width, 3, padding=1, norm_cfg=dict(type='GN', num_groups=8)
            )
            for coming, width in zip(widths, widths[1:])
        )
        self.last = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, normal: Tensor, pasted: Tensor, mask: Tensor) -> Tensor:
        """Generate images.

        Args:
            normal, pasted, mask (Tensor): As in :class:`UNetGenerator`; (N, ...).

        Returns:
            Tensor: (N, 1, H, W) in (0, 1).
        """
        noise = torch.randn(len(normal), self.latent, device=normal.device)
        x = self.first(noise).unflatten(1, self.coarsest)
        for level in self.up:
            x = level(F.interpolate(x, scale_factor=2, mode='bilinear'))
        return self.last(x).sigmoid()


@MODELS.register_module()
class ImageDiscriminator(BaseModule):
    """Discriminator of whole real and generated images (Goodfellow et al., 2014).

    It has convolutions of 4 x 4 with stride 2, an average of the last map, and a linear
    layer.

    Args:
        base_channels (int): Channels of the first layer; doubled in each layer, up to
            eight times as many. Defaults to 64.
        num_layers (int): Number of convolutions. Defaults to 6.
        init_cfg (dict, optional): Defaults to Kaiming's, as in
            :class:`PatchDiscriminator`.
    """

    def __init__(
        self,
        base_channels: int = 64,
        num_layers: int = 6,
        init_cfg: dict | None = dict(
            type='Kaiming',
            layer='Conv2d',
            a=0.2,
            mode='fan_in',
            nonlinearity='leaky_relu',
        ),
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        widths = [1] + [base_channels * min(2**k, 8) for k in range(num_layers)]
        self.layers = nn.Sequential(
            *(
                ConvModule(
                    coming,
                    width,
                    4,
                    stride=2,
                    padding=1,
                    act_cfg=dict(type='LeakyReLU', negative_slope=0.2),
                )
                for coming, width in zip(widths, widths[1:])
            )
        )
        self.last = nn.Linear(widths[-1], 1)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images as real or generated.

        Args:
            images (Tensor): (N, 1, H, W) in [0, 1].

        Returns:
            Tensor: Logits of being real, (N, 1).
        """
        return self.last(self.layers(images).mean(dim=(2, 3)))
