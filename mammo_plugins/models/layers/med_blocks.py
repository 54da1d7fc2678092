"""Blocks of NaFV-Net's classifier, after MedViT (Manzari et al., 2023).

The paper's appendix, which details them, is not available. These blocks follow MedViT's
efficient convolution block and local transformer block. For simplicity, we chose the
following differences: ReLU where MedViT has h-swish and squeeze-and-excitation; no
batch norm before feed-forward networks and within projections; residuals around each
part; attention with layer norm and its own feed-forward network; keys and values
averaged in two dimensions; no stochastic depth; and the same number of heads in all
blocks. Queries and keys have positions, so that attention can find the same place in
another view, which MedViT, with one view, does not need.
"""

import torch
from mmcv.cnn import ConvModule
from mmdet.models.layers import SinePositionalEncoding
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mammo_plugins.models.layers.view_transformer import AttentionLayer

_EXPANSION = 3  # factor of the feed-forward network, as in MedViT's convolution block


class LocalFeedForward(BaseModule):
    """Feed-forward network with a depth-wise convolution and a residual.

    Args:
        channels (int): C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = _EXPANSION * channels
        norm = dict(type='BN')
        self.layers = nn.Sequential(
            ConvModule(channels, hidden, 1, norm_cfg=norm),
            ConvModule(hidden, hidden, 3, padding=1, groups=hidden, norm_cfg=norm),
            ConvModule(hidden, channels, 1, norm_cfg=norm, act_cfg=None),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H, W)."""
        return x + self.layers(x)


class GroupedConvolution(BaseModule):
    """MedViT's multi-head convolutional attention, with a residual.

    A 3 x 3 convolution with one group per head, batch norm and ReLU, and a 1 x 1
    convolution that mixes the heads.

    Args:
        channels (int): C, a multiple of ``num_heads``.
        num_heads (int): Number of groups.
    """

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvModule(
                channels,
                channels,
                3,
                padding=1,
                groups=num_heads,
                norm_cfg=dict(type='BN'),
            ),
            nn.Conv2d(channels, channels, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H, W)."""
        return x + self.layers(x)


class MedConvBlock(BaseModule):
    """MedCB: convolution and a local feed-forward network; no self-attention.

    MedViT's efficient convolution block, which "draws from the residual block in
    ResNet", as NaFV-Net describes its MedCB.

    Args:
        channels (int): C, a multiple of ``num_heads``.
        num_heads (int): Number of groups of the convolution.
    """

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.convolution = GroupedConvolution(channels, num_heads)
        self.feed_forward = LocalFeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H, W)."""
        return self.feed_forward(self.convolution(x))


class _Attention(BaseModule):
    """Attention between the positions of two feature maps.

    Keys and values are averaged over ``reduction`` x ``reduction`` positions, as in
    MedViT's efficient self-attention. Sines and cosines of their positions, as shares
    of height and width, are added to queries and keys.
    """

    def __init__(self, channels: int, num_heads: int, reduction: int) -> None:
        super().__init__()
        self.layer = AttentionLayer(channels, num_heads, mlp_ratio=1.0)
        self.reduction = reduction
        self.position = SinePositionalEncoding(channels // 2, normalize=True)

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        position = self.position(None, source[:1])
        source, position = (
            F.avg_pool2d(part, self.reduction, ceil_mode=True)
            for part in (source, position)
        )
        found = self.layer(
            *(
                part.flatten(2).transpose(1, 2)
                for part in (x, source, self.position(None, x[:1]), position)
            )
        )
        return found.transpose(1, 2).unflatten(2, x.shape[2:])


class MedTransformerBlock(BaseModule):
    """MedTB: "to capture and mix multi-frequency information".

    MedViT's local transformer block. Attention (low frequencies) and a grouped
    convolution of its output (high frequencies), each with half of the channels, are
    concatenated and pass through a local feed-forward network. The halves are our
    choice; MedViT has three quarters and one quarter.

    Args:
        channels (int): C, a multiple of 8 and of twice ``num_heads``.
        num_heads (int): Heads of attention and convolution.
        reduction (int): Factor by which keys and values are averaged. Defaults to 1.
    """

    def __init__(self, channels: int, num_heads: int, reduction: int = 1) -> None:
        super().__init__()
        if channels % 8:
            raise ValueError(
                f'{type(self).__name__}.channels: {channels}; expected a '
                'multiple of 8, for sines and cosines in both directions'
            )
        half = channels // 2
        self.low = nn.Conv2d(channels, half, 1)
        self.attention = _Attention(half, num_heads, reduction)
        self.high = nn.Conv2d(half, half, 1)
        self.convolution = GroupedConvolution(half, num_heads)
        self.feed_forward = LocalFeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H, W)."""
        return self._mix(x, None)

    def _mix(self, x: Tensor, source) -> Tensor:
        low = self.low(x)
        low = self.attention(low, low if source is None else self.low(source))
        high = self.convolution(self.high(low))
        return self.feed_forward(x + torch.cat([low, high], dim=1))


class MedCrossTransformerBlock(MedTransformerBlock):
    """MedCTB: a MedTB with attention to another view.

    It "cross-correlates" two views (NaFV-Net). Queries come from the view itself, keys
    and values from the other view; both views share the weights.

    Args:
        channels, num_heads, reduction (int): As in :class:`MedTransformerBlock`.
    """

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Mix another view into one.

        Args:
            x (Tensor): The view, (N, C, H, W).
            other (Tensor): The other view, (N, C, H', W').

        Returns:
            Tensor: (N, C, H, W).
        """
        return self._mix(x, other)
