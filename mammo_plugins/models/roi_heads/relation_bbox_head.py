"""The box head with relation blocks."""
from typing import NamedTuple, Optional, Sequence

import torch
from mmdet.models import Shared2FCBBoxHead
from mmengine.model import ModuleList
from torch import Tensor

from mammo_plugins.models.layers import (IpsilateralRelationBlock,
                                         embed_geometry)
from mammo_plugins.registry import MODELS


class Relation(NamedTuple):
    """Which RoIs of a batch are related to which of their auxiliary view.

    Attributes:
        main (slice): I rows of the main views' RoIs, all of one image.
        auxiliary (slice): J > 0 rows of the auxiliary views' RoIs, of its partner.
        geometry (Tensor): (I, J, G).
    """
    main: slice
    auxiliary: slice
    geometry: Tensor


@MODELS.register_module()
class RelationBBoxHead(Shared2FCBBoxHead):
    """Two shared fully connected layers, relation blocks, and the two outputs.

    The head of IpsiDualNet (MommiNet-v2, section 3.5, figure 3). RoIs without
    relations come out as from :class:`mmdet.models.Shared2FCBBoxHead`, to the bit.
    Without relation blocks it is that head, for the RoI features of both views
    concatenated (tables 2 and 3).

    Args:
        num_relation_blocks (int): Blocks in a row. Defaults to 2.
        num_geometry (int): Geometric values of a pair of RoIs.
            :class:`RelationRoIHead` sets it. Defaults to 3.
        num_heads (int): Of a relation block. Defaults to 16.
        key_channels (int): Of a relation block, a head's. Defaults to 64.
        embedding_channels (int): For each geometric value. Defaults to 16.
        in_channels (int): Of the RoI features of one view. Defaults to 256.
        **kwargs: As in :class:`mmdet.models.Shared2FCBBoxHead`.
    """

    def __init__(self,
                 num_relation_blocks: int = 2,
                 num_geometry: int = 3,
                 num_heads: int = 16,
                 key_channels: int = 64,
                 embedding_channels: int = 16,
                 in_channels: int = 256,
                 **kwargs) -> None:
        views = 1 if num_relation_blocks else 2
        super().__init__(in_channels=views * in_channels, **kwargs)
        self.embedding_channels = embedding_channels
        self.relation_blocks = ModuleList([
            IpsilateralRelationBlock(self.shared_out_channels, num_heads,
                                     key_channels,
                                     num_geometry * embedding_channels)
            for _ in range(num_relation_blocks)
        ])

    def _shared(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        for fc in self.shared_fcs:
            x = self.relu(fc(x))
        return x

    def _relate(self, x: Tensor, auxiliary: Tensor,
                relations: Sequence[Relation]) -> Tensor:
        parts, end = [], 0
        for rows, aux_rows, geometry in relations:
            embedding = embed_geometry(geometry, self.embedding_channels)
            related = x[rows]
            for block in self.relation_blocks:
                related = block(related, auxiliary[aux_rows], embedding)
            parts += [x[end:rows.start], related]
            end = rows.stop
        return torch.cat([*parts, x[end:]])

    def forward(self,
                x: Tensor,
                auxiliary: Optional[Tensor] = None,
                relations: Sequence[Relation] = ()) -> tuple:
        """Compute the outputs.

        Args:
            x (Tensor): RoI features, (K, C, H, W).
            auxiliary (Tensor, optional): RoI features of the auxiliary views, (L,
                C, H, W). Only with relations.
            relations (Sequence[Relation]): Who is related to whom, one for each
                main image that has an auxiliary view to be used, in their order.

        Returns:
            tuple: ``cls_score`` and ``bbox_pred``, as in the parent.
        """
        x = self._shared(x)
        if relations:
            x = self._relate(x, self._shared(auxiliary), relations)
        if self.training:
            # a parameter without gradient, where no sample has a partner, is an
            # error in distributed training
            x = x + 0. * sum(p.sum() for p in self.relation_blocks.parameters())
        cls_score = self.fc_cls(x) if self.with_cls else None
        bbox_pred = self.fc_reg(x) if self.with_reg else None
        return cls_score, bbox_pred
