"""Mixing of the four views of an exam in three stages."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mammo_plugins.models.layers.med_blocks import (
    MedConvBlock,
    MedCrossTransformerBlock,
    MedTransformerBlock,
)
from mammo_plugins.models.multi_view import ViewBatch
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import VIEWS, other_view

AFFECTED, UNAFFECTED = (
    tuple(f'{side} {view}' for view in VIEWS) for side in ('affected', 'unaffected')
)
Views = dict[str, Tensor]


class _Stage(BaseModule):
    """L MedCB and a MedTB, shared by all views, and optionally a MedCTB."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        num_blocks: int,
        num_heads: int,
        reduction: int,
        shrink: bool,
        crosses: bool,
    ) -> None:
        super().__init__()
        self.shrink = shrink
        self.embed = nn.Sequential(
            nn.Conv2d(in_channels, channels, 1, bias=False), nn.BatchNorm2d(channels)
        )
        self.blocks = nn.Sequential(
            *(MedConvBlock(channels, num_heads) for _ in range(num_blocks)),
            MedTransformerBlock(channels, num_heads, reduction),
        )
        self.cross = (
            MedCrossTransformerBlock(channels, num_heads, reduction)
            if crosses
            else None
        )

    def forward(self, views: ViewBatch, partners: dict[str, str]) -> ViewBatch:
        x = views.rows
        if self.shrink:
            x = F.avg_pool2d(x, 2, ceil_mode=True)
        views = views.like(self.blocks(self.embed(x)))
        if self.cross is None or not partners:
            return views
        own, other = views.mask.paired(partners)
        return views.scattered(own, self.cross(views.rows[own], views.rows[other]))


@MODELS.register_module()
class FourViewMixer(BaseModule):
    """The hybrid classifier of NaFV-Net up to its pooling ("Classification Network").

    Stage 1: L1 MedCB and a MedTB for each view. Stage 2: L2 MedCB, a MedTB and a MedCTB
    between CC and MLO of each side. Stage 3: L3 MedCB, a MedTB and a MedCTB between
    the sides, CC with CC and MLO with MLO. Then batch norm and global average pooling
    of the affected side's views, which are concatenated.

    The paper's appendix with L1, L2, L3 and widths is not available, so these are our
    choice. So are halving the resolution before stages 2 and 3, as in MedViT, sharing
    the weights between all views, and the meaning of "jointly" in stage 3.

    Args:
        in_channels (int): Channels of the features.
        channels (Sequence[int]): Channels of the stages, multiples of 8. Defaults to
            (96, 192, 384).
        num_blocks (Sequence[int]): L1, L2, L3. Defaults to (2, 2, 2).
        num_heads (int): A divisor of half of each stage's channels. Defaults to 6.
        reductions (Sequence[int]): Factors by which keys and values are averaged, by
            stage. Defaults to (2, 1, 1).
        four_views (bool): Whether the unaffected side is used; without it, there is no
            MedCTB in stage 3 (row "four-view" of table 3). Defaults to True.
        init_cfg (dict, optional): Defaults to truncated normal weights of linear
            layers.
    """

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int] = (96, 192, 384),
        num_blocks: Sequence[int] = (2, 2, 2),
        num_heads: int = 6,
        reductions: Sequence[int] = (2, 1, 1),
        four_views: bool = True,
        init_cfg: dict | None = dict(type='TruncNormal', layer='Linear', std=0.02),
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if not len(channels) == len(num_blocks) == len(reductions) == 3:
            raise ValueError(
                f'FourViewMixer: channels {tuple(channels)}, num_blocks '
                f'{tuple(num_blocks)} and reductions {tuple(reductions)}; '
                'expected three each'
            )
        self.names: tuple[str, ...] = AFFECTED + (UNAFFECTED if four_views else ())
        self.stages = nn.ModuleList(
            _Stage(
                coming,
                width,
                blocks,
                num_heads,
                reduction,
                shrink=k > 0,
                crosses=k == 1 or (k == 2 and four_views),
            )
            for k, (coming, width, blocks, reduction) in enumerate(
                zip((in_channels, *channels), channels, num_blocks, reductions)
            )
        )
        self.norm = nn.BatchNorm2d(channels[-1])

    @property
    def out_channels(self) -> int:
        """int: Channels of the output of :meth:`forward`."""
        return len(AFFECTED) * self.norm.num_features

    def _partners(self, stage: int) -> dict[str, str]:
        """Return the view that each one attends to in a stage."""
        if stage == 1:
            return {
                f'{side} {view}': f'{side} {other_view(view)}'
                for side, view in map(str.split, self.names)
            }
        if stage == 2 and len(self.names) == 4:
            return dict(zip(AFFECTED + UNAFFECTED, UNAFFECTED + AFFECTED))
        return {}

    def feature_maps(self, features: Views) -> Views:
        """Mix views, without pooling.

        Args:
            features (dict[str, Tensor]): 'affected CC', 'affected MLO' and, with
                ``four_views``, 'unaffected CC' and 'unaffected MLO', each
                (N, C, H, W).

        Returns:
            dict[str, Tensor]: The affected side's views, (N, C_3, H / 4, W / 4).
        """
        views = ViewBatch.whole({name: features[name] for name in self.names})
        for number, stage in enumerate(self.stages):
            views = stage(views, self._partners(number))
        normed = views.map(self.norm).views  # with the statistics of all views jointly
        return {name: normed[name] for name in AFFECTED}

    @staticmethod
    def pool(maps: Views) -> Tensor:
        """Return the means of feature maps, CC before MLO, (N, 2 C_3)."""
        return torch.cat([maps[name].mean(dim=(2, 3)) for name in AFFECTED], dim=1)

    def forward(self, features: Views) -> Tensor:
        """Mix and pool views, by :meth:`feature_maps` and :meth:`pool`."""
        return self.pool(self.feature_maps(features))
