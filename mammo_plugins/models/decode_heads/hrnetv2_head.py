"""The segmentation head of HRNet."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from mmdet.utils import ConfigType
from torch import Tensor, nn

from mammo_plugins.registry import MODELS

from .lesion_map_head import LesionMapHead


@MODELS.register_module()
class HRNetV2Head(LesionMapHead):
    """Decoder of BiDualNet-v2: one logit per pixel from all branches of HRNet.

    HRNetV2's representation (Wang et al., 2020): all branches are upsampled to the
    finest, concatenated and mixed by a 1 x 1 convolution, a norm and ReLU. A 1 x 1
    convolution computes the logit. Here the mixing is done for each branch before
    upsampling, and the results are summed. This is equivalent and saves most of the
    work. The norm is batch norm there and group norm here, because batches have one
    image.

    Args:
        in_channels (Sequence[int]): Channels of the branches, finest first.
        channels (int, optional): Channels after mixing. Defaults to ``None``, the
            sum of ``in_channels``, as in HRNetV2.
        norm_cfg (dict): Defaults to group norm of 8 groups.
        **kwargs: As in :class:`LesionMapHead`.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int | None = None,
        norm_cfg: ConfigType = dict(type='GN', num_groups=8),
        **kwargs,
    ) -> None:
        channels = channels or sum(in_channels)
        super().__init__(channels, **kwargs)
        self.mix = nn.ModuleList(
            nn.Conv2d(c, channels, 1, bias=False) for c in in_channels
        )
        self.norm = build_norm_layer(norm_cfg, channels)[1]

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Compute logits.

        Args:
            features (Sequence[Tensor]): By branch (N, C, h, w), finest first.

        Returns:
            Tensor: (N, 1, h, w) at the resolution of the finest branch, stride 4.
        """
        size = features[0].shape[-2:]
        mixed = self.mix[0](features[0])
        for conv, feature in zip(self.mix[1:], features[1:]):
            mixed = mixed + F.interpolate(
                conv(feature), size=size, mode='bilinear', align_corners=False
            )
        return self.conv_logits(F.relu(self.norm(mixed), inplace=True))
