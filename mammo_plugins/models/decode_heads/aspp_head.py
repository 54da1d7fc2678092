"""The segmentation head of DeepLab."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmdet.utils import ConfigType
from torch import Tensor, nn

from mammo_plugins.registry import MODELS

from .lesion_map_head import LesionMapHead


@MODELS.register_module()
class ASPPHead(LesionMapHead):
    """Atrous spatial pyramid pooling with one logit per pixel, as in DeepLabv3.

    The head of the original BiDualNet, which MommiNet-v2 is compared with (table 6).
    The outputs of a 1 x 1 convolution, three dilated 3 x 3 convolutions and a
    convolution of the image's mean are concatenated and reduced by a 1 x 1 convolution
    with dropout (Chen et al., 2017, section 3.3). A 3 x 3 convolution and the logit
    follow. With batch norm it is torchvision's ASPP; group norm allows batches of one
    image.

    Args:
        in_channels (int): Channels of the last feature level.
        channels (int): Channels of the hidden layers. Defaults to 256.
        dilations (Sequence[int]): Defaults to (12, 24, 36), for features of
            stride 8.
        norm_cfg (dict): Defaults to group norm of 8 groups.
        **kwargs: As in :class:`LesionMapHead`.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int = 256,
        dilations: Sequence[int] = (12, 24, 36),
        norm_cfg: ConfigType = dict(type='GN', num_groups=8),
        **kwargs,
    ) -> None:
        super().__init__(channels, **kwargs)
        self.branches = nn.ModuleList(
            [
                ConvModule(in_channels, channels, 1, norm_cfg=norm_cfg),
                *(
                    ConvModule(
                        in_channels,
                        channels,
                        3,
                        padding=dilation,
                        dilation=dilation,
                        norm_cfg=norm_cfg,
                    )
                    for dilation in dilations
                ),
            ]
        )
        self.of_mean = ConvModule(in_channels, channels, 1, norm_cfg=norm_cfg)
        self.project = ConvModule(
            (len(dilations) + 2) * channels, channels, 1, norm_cfg=norm_cfg
        )
        self.dropout = nn.Dropout(0.5)
        self.bottleneck = ConvModule(
            channels, channels, 3, padding=1, norm_cfg=norm_cfg
        )

    def aspp(self, x: Tensor) -> Tensor:
        """Apply the pyramid pooling.

        Args:
            x (Tensor): (N, in_channels, h, w).

        Returns:
            Tensor: (N, channels, h, w).
        """
        mean = self.of_mean(F.adaptive_avg_pool2d(x, 1)).expand(-1, -1, *x.shape[2:])
        levels = [*(branch(x) for branch in self.branches), mean]
        return self.dropout(self.project(torch.cat(levels, 1)))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Compute logits.

        Args:
            features (Sequence[Tensor]): Feature levels. The last one, (N, C, h, w), is
                used.

        Returns:
            Tensor: (N, 1, h, w).
        """
        return self.conv_logits(self.bottleneck(self.aspp(features[-1])))
