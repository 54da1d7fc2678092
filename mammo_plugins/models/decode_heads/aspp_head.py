"""The segmentation head of DeepLab."""
from typing import Sequence

from mmcv.cnn import ConvModule
from mmdet.utils import ConfigType
from torch import Tensor
from torchvision.models.segmentation.deeplabv3 import ASPP

from mammo_plugins.registry import MODELS

from .lesion_map_head import LesionMapHead


@MODELS.register_module()
class ASPPHead(LesionMapHead):
    """One logit a pixel by atrous spatial pyramid pooling, as in DeepLabv3.

    For the original BiDualNet and the single-view DeepLab that MommiNet-v2 is
    compared with (table 6). torchvision's ASPP, a 3 x 3 convolution and the logit.
    In training it needs batches of two or more, since it normalises one value an
    image.

    Args:
        in_channels (int): Channels of the last level of features.
        channels (int): Channels inside. Defaults to 256.
        dilations (Sequence[int]): Defaults to (12, 24, 36), for features of
            stride 8.
        norm_cfg (dict): Norm of the 3 x 3 convolution. Defaults to batch norm.
        **kwargs: As in :class:`LesionMapHead`.
    """

    def __init__(self,
                 in_channels: int,
                 channels: int = 256,
                 dilations: Sequence[int] = (12, 24, 36),
                 norm_cfg: ConfigType = dict(type='BN'),
                 **kwargs) -> None:
        super().__init__(channels, **kwargs)
        self.aspp = ASPP(in_channels, dilations, channels)
        self.bottleneck = ConvModule(
            channels, channels, 3, padding=1, norm_cfg=norm_cfg)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Compute logits.

        Args:
            features (Sequence[Tensor]): The last, (N, C, h, w), is taken.

        Returns:
            Tensor: (N, 1, h, w).
        """
        return self.conv_logits(self.bottleneck(self.aspp(features[-1])))
