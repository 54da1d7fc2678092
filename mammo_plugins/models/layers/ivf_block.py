"""Fusion of the features of two views."""

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor

from mammo_plugins.registry import MODELS

AGGREGATIONS = ('average', 'concatenate')


@MODELS.register_module()
class IVFBlock(BaseModule):
    """Ipsilateral Views Fusion block of DIVF-Net (section 3.1, figure 2).

    Both feature maps are averaged or concatenated, followed by convolution, batch norm
    and ReLU. The paper does not state the size of the convolution; 3 x 3 is our choice.

    Args:
        in_channels (int): Channels of each feature map, and of the output.
        aggregation (str): 'average' or 'concatenate'. Defaults to 'concatenate'.
        init_cfg (dict, optional): Defaults to ``None``, the initialization of
            ``ConvModule``.
    """

    def __init__(
        self, in_channels: int, aggregation: str = 'concatenate', init_cfg=None
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if aggregation not in AGGREGATIONS:
            raise ValueError(
                f'IVFBlock.aggregation: {aggregation!r}; expected one of {AGGREGATIONS}'
            )
        self.aggregation = aggregation
        self.conv = ConvModule(
            in_channels * (2 if aggregation == 'concatenate' else 1),
            in_channels,
            kernel_size=3,
            padding=1,
            norm_cfg=dict(type='BN'),
        )

    def forward(self, examined: Tensor, auxiliary: Tensor) -> Tensor:
        """Fuse the features of both views.

        Args:
            examined (Tensor): Features of the examined view, (N, C, H, W).
            auxiliary (Tensor): Features of the other view of the same breasts, in the
                same order.

        Returns:
            Tensor: (N, C, H, W).
        """
        if self.aggregation == 'average':
            return self.conv((examined + auxiliary) / 2)
        return self.conv(torch.cat([examined, auxiliary], dim=1))
