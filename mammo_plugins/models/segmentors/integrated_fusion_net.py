"""Network that combines ipsilateral and bilateral analysis."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmdet.structures import DetDataSample
from mmdet.utils import ConfigType
from torch import Tensor, nn

from mammo_plugins.models.decode_heads.lesion_map_head import LesionMapHead
from mammo_plugins.registry import MODELS


@MODELS.register_module()
class IntegratedFusionNet(LesionMapHead):
    """Integrated fusion network (v2) of MommiNet-v2 (section 3.6, figure 5).

    The three channels of its input are the main image and the probability maps of both
    branches (first concatenation). Convolutions and max-pooling reduce them to stride
    32. In the decoder, at strides 16, 8 and 4, they are concatenated, as in a U-Net,
    with the encoder's features and with features of IpsiDualNet's frozen backbone
    (second concatenation).

    The paper does not state the following, which is our choice. Each level has two
    convolutions with ReLU and with group norm, because batches have one image. The
    first convolution has stride 2, to save memory at 3000 x 1500. The backbone's
    features are reduced by 1 x 1 convolutions to the channels of their level. Those of
    stride 32 are concatenated at the bottom. Upsampling is bilinear, and logits are at
    stride 4.

    Args:
        feature_channels (Sequence[int]): Channels of the backbone's features at
            strides 4, 8, 16, 32. Defaults to those of HRNet-W48.
        channels (Sequence[int]): Channels of this network at these strides. Defaults to
            (32, 64, 128, 256).
        norm_cfg (dict): Defaults to group norm of 8 groups.
        **kwargs: As in :class:`LesionMapHead`.
    """

    def __init__(
        self,
        feature_channels: Sequence[int] = (48, 96, 192, 384),
        channels: Sequence[int] = (32, 64, 128, 256),
        norm_cfg: ConfigType = dict(type='GN', num_groups=8),
        **kwargs,
    ) -> None:
        super().__init__(channels[0], **kwargs)
        if len(feature_channels) != len(channels):
            raise ValueError(
                f'IntegratedFusionNet: feature_channels {tuple(feature_channels)} '
                f'and channels {tuple(channels)} differ in length; expected one '
                'number each for every level'
            )

        def conv(in_channels: int, out_channels: int, size: int = 3, **kwargs):
            return ConvModule(
                in_channels,
                out_channels,
                size,
                padding=size // 2,
                norm_cfg=norm_cfg,
                **kwargs,
            )

        def two_convs(in_channels: int, out_channels: int) -> nn.Sequential:
            return nn.Sequential(
                conv(in_channels, out_channels), conv(out_channels, out_channels)
            )

        self.stem = conv(3, channels[0], stride=2)
        self.down = nn.ModuleList(
            two_convs(before, here)
            for before, here in zip((channels[0], *channels), channels)
        )
        self.reduce = nn.ModuleList(
            conv(theirs, ours, 1) for theirs, ours in zip(feature_channels, channels)
        )
        # input of a level: the encoder's output, the features, the level below
        self.up = nn.ModuleList(
            two_convs(2 * here + below, here)
            for here, below in zip(channels, (*channels[1:], 0))
        )

    def forward(
        self,
        image: Tensor,
        ipsi_map: Tensor,
        bi_map: Tensor,
        features: Sequence[Tensor],
    ) -> Tensor:
        """Compute logits.

        Args:
            image (Tensor): The main image, (N, C, H, W), grey: only the first channel
                is used. H and W are multiples of 32.
            ipsi_map (Tensor): (N, 1, H, W), probabilities of the ipsilateral branch.
            bi_map (Tensor): (N, 1, H, W), probabilities of the bilateral branch.
            features (Sequence[Tensor]): Backbone features of ``image``, by level
                (N, C, h, w), strides 4, 8, 16, 32. They get no gradient.

        Returns:
            Tensor: (N, 1, H / 4, W / 4).
        """
        x = self.stem(torch.cat([image[:, :1], ipsi_map, bi_map], 1))
        levels: list[Tensor] = []
        for block in self.down:
            x = block(F.max_pool2d(x, 2))
            levels.append(x)
        joined = None
        for i in reversed(range(len(levels))):
            parts = [levels[i], self.reduce[i](features[i].detach())]
            if joined is not None:
                parts.append(
                    F.interpolate(
                        joined,
                        size=levels[i].shape[-2:],
                        mode='bilinear',
                        align_corners=False,
                    )
                )
            joined = self.up[i](torch.cat(parts, 1))
        return self.conv_logits(joined)

    def loss(
        self,
        image: Tensor,
        ipsi_map: Tensor,
        bi_map: Tensor,
        features: Sequence[Tensor],
        data_samples: Sequence[DetDataSample],
    ) -> dict[str, Tensor]:
        """Compute the loss of a batch.

        Args:
            image, ipsi_map, bi_map, features: As in :meth:`forward`.
            data_samples (Sequence[DetDataSample]): Samples of the main views, with
                ``gt_sem_seg``.
        """
        return self.loss_by_logits(
            self(image, ipsi_map, bi_map, features), data_samples
        )

    def predict_map(
        self,
        image: Tensor,
        ipsi_map: Tensor,
        bi_map: Tensor,
        features: Sequence[Tensor],
    ) -> Tensor:
        """Compute probabilities of mass at the inputs' resolution.

        Args:
            image, ipsi_map, bi_map, features: As in :meth:`forward`.

        Returns:
            Tensor: (N, 1, H, W) in [0, 1].
        """
        return self.probability(
            self(image, ipsi_map, bi_map, features), image.shape[-2:]
        )
