"""Discriminator of the blending adversarial networks."""

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class PatchDiscriminator(BaseModule):
    """Discriminator of real and generated patches of 16 x 16 pixels.

    "A series of four convolutional layers", run "convolutionally across the image"
    (Lin et al., sections 2.1 and 3). One layer of 4 x 4 with stride 2 and three of 3 x
    3 have a receptive field of 16 x 16 pixels. There is no normalization, which would
    depend on the whole image.

    Args:
        base_channels (int): Channels of the first layer; doubled in the second and the
            third. Defaults to 64.
        init_cfg (dict, optional): Defaults to Kaiming's. The normal weights of standard
            deviation 0.02 of Isola et al. (2017) rely on normalization; without it the
            signal vanishes.
    """

    def __init__(
        self,
        base_channels: int = 64,
        init_cfg: dict | None = dict(
            type='Kaiming',
            layer='Conv2d',
            a=0.2,
            mode='fan_in',
            nonlinearity='leaky_relu',
        ),
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        leaky = dict(type='LeakyReLU', negative_slope=0.2)
        width = base_channels
        self.layers = nn.Sequential(
            ConvModule(1, width, 4, stride=2, padding=1, act_cfg=leaky),
            ConvModule(width, 2 * width, 3, padding=1, act_cfg=leaky),
            ConvModule(2 * width, 4 * width, 3, padding=1, act_cfg=leaky),
            nn.Conv2d(4 * width, 1, 3, padding=1),
        )

    @property
    def _convs(self) -> list[nn.Conv2d]:
        return [m for m in self.layers.modules() if isinstance(m, nn.Conv2d)]

    @property
    def receptive_field(self) -> int:
        """int: Side in pixels of the patch that an output depends on."""
        size = 1
        for conv in reversed(self._convs):
            size = (size - 1) * conv.stride[0] + conv.kernel_size[0]
        return size

    def forward(self, images: Tensor) -> Tensor:
        """Classify patches as real or generated.

        Args:
            images (Tensor): (N, 1, H, W) in [0, 1].

        Returns:
            Tensor: Logits of being real, (N, 1, H / 2, W / 2), one per patch.
        """
        return self.layers(images)

    def touching(self, mask: Tensor) -> Tensor:
        """Return which patches contain a pixel of a mask.

        Args:
            mask (Tensor): (N, 1, H, W) of 0 and 1.

        Returns:
            Tensor: (N, 1, H / 2, W / 2) of 0 and 1.
        """
        for conv in self._convs:  # a maximum has the receptive field of a convolution
            mask = F.max_pool2d(mask, conv.kernel_size, conv.stride, conv.padding)
        return mask
