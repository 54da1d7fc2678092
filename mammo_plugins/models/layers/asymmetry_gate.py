"""Attention to asymmetries between the breasts."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn


class AsymmetryGate(BaseModule):
    """Weight the features of one side by those of the other (NaFV-Net, eqs. 1 to 3).

    ``M = Sig(Conv(AvgPool(Z_ua)))``, ``F = Z_as M``. M has one channel and the size of
    the features, so the average is over channels, as in spatial attention. The
    convolution is 7 x 7, as there; the paper does not state its size.

    Args:
        kernel_size (int): Kernel size of the convolution. Defaults to 7.
    """

    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, kernel_size, padding=kernel_size // 2)

    def forward(self, side: Tensor, other: Tensor) -> Tensor:
        """Apply the gate.

        Args:
            side (Tensor): Z_as, (N, C, H, W).
            other (Tensor): Z_ua, (N, C, H, W), facing the same way.

        Returns:
            Tensor: F, (N, C, H, W).
        """
        return side * self.conv(other.mean(dim=1, keepdim=True)).sigmoid()


class AsymmetryEncoder(BaseModule):
    """Three convolutional blocks with gates between (NaFV-Net, "Mass Segmentation").

    Each block is a 3 x 3 convolution of stride 2, group norm and ReLU, with the same
    weights for all views and sides. The output of a gate is "the input of the next
    convolution block". After the last block, gated and ungated features are
    concatenated (eq. 3).

    Args:
        in_channels (int): Channels of the images.
        channels (Sequence[int]): Channels of the blocks; the last value is C_1. The
            paper does not state them.
        gated (bool): Whether there are gates. Without them, a side is encoded by
            itself, and its features are concatenated with themselves. Defaults to True.
        num_groups (int): Groups of group norm. Defaults to 8.
    """

    def __init__(
        self,
        in_channels: int,
        channels: tuple[int, ...] = (64, 128, 256),
        gated: bool = True,
        num_groups: int = 8,
    ) -> None:
        super().__init__()
        widths = (in_channels, *channels)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(c, d, 3, stride=2, padding=1, bias=False),
                nn.GroupNorm(num_groups, d),
                nn.ReLU(),
            )
            for c, d in zip(widths, channels)
        )
        self.gates = nn.ModuleList(AsymmetryGate() for _ in channels) if gated else None

    def forward(self, side: Tensor, other: Tensor) -> tuple[Tensor, ...]:
        """Encode one side.

        Args:
            side (Tensor): (N, C, H, W), H and W multiples of 8.
            other (Tensor): The other breast in the same projection, of the same shape.

        Returns:
            tuple[Tensor]: Features of each block, at 1/2 and 1/4 of the size, and
            finally those of eq. 3, at 1/8 with twice the channels.
        """
        features = []
        gated = side
        for k, block in enumerate(self.blocks):
            side = block(gated)
            if self.gates is None:
                gated = side
            else:
                other = block(other)
                gated = self.gates[k](side, other)
            features.append(gated)
        features[-1] = torch.cat([side, gated], dim=1)
        return tuple(features)
