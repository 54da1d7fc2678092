"""The box head with relation blocks."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmengine.model import ModuleList
from torch import Tensor

from mammo_plugins.models.layers import IpsilateralRelationBlock, embed_geometry
from mammo_plugins.registry import MODELS

from .synced_bbox_head import SyncedBBoxHead


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
class RelationBBoxHead(SyncedBBoxHead):
    """Two shared fully connected layers with relation blocks, and the two outputs.

    The head of IpsiDualNet (MommiNet-v2, section 3.5, figure 3). As in Hu et al.'s
    code (Relation Networks for Object Detection, CVPR 2018), relation blocks stand
    between a fully connected layer and its ReLU, one after either layer; auxiliary
    RoIs pass the layers without blocks. RoIs without relations come out as from
    :class:`mmdet.models.Shared2FCBBoxHead`, to the bit. Without relation blocks it
    is that head, for the RoI features of both views concatenated (tables 2 and 3).

    Args:
        num_relation_blocks (Sequence[int]): Blocks after the first and after the
            second layer, Hu et al.'s r1 and r2. Defaults to (1, 1), theirs; the
            paper has two blocks.
        num_geometry (int): Geometric values of a pair of RoIs.
            :class:`RelationRoIHead` sets it. Defaults to 3.
        num_heads (int): Of a relation block. Defaults to 16.
        key_channels (int): Of a relation block, a head's. Defaults to 64.
        none_key (bool): Of a relation block. Defaults to False.
        embedding_channels (int): For each geometric value. Defaults to 16.
        in_channels (int): Of the RoI features of one view. Defaults to 256.
        **kwargs: As in :class:`SyncedBBoxHead`.
    """

    def __init__(
        self,
        num_relation_blocks: Sequence[int] = (1, 1),
        num_geometry: int = 3,
        num_heads: int = 16,
        key_channels: int = 64,
        none_key: bool = False,
        embedding_channels: int = 16,
        in_channels: int = 256,
        **kwargs,
    ) -> None:
        views = 1 if any(num_relation_blocks) else 2
        super().__init__(in_channels=views * in_channels, **kwargs)
        if len(num_relation_blocks) != len(self.shared_fcs):
            raise ValueError(
                f'RelationBBoxHead: num_relation_blocks is {num_relation_blocks}, '
                f'expected {len(self.shared_fcs)} numbers, one for each fully '
                'connected layer'
            )
        self.num_relation_blocks = tuple(num_relation_blocks)
        self.embedding_channels = embedding_channels
        self.relation_blocks = ModuleList(
            [
                IpsilateralRelationBlock(
                    self.shared_out_channels,
                    num_heads,
                    key_channels,
                    num_geometry * embedding_channels,
                    none_key,
                )
                for _ in range(sum(num_relation_blocks))
            ]
        )

    @staticmethod
    def _relate(
        x: Tensor,
        auxiliary: Tensor,
        relations: Sequence[Relation],
        embeddings: Sequence[Tensor],
        blocks: Iterable[IpsilateralRelationBlock],
    ) -> Tensor:
        for block in blocks:
            parts, end = [], 0
            for (rows, aux_rows, _), embedding in zip(relations, embeddings):
                related = block(x[rows], auxiliary[aux_rows], embedding)
                parts += [x[end : rows.start], related]
                end = rows.stop
            x = torch.cat([*parts, x[end:]])
        return x

    def _shared(
        self, x: Tensor, auxiliary: Tensor | None, relations: Sequence[Relation]
    ) -> Tensor:
        embeddings = [
            embed_geometry(relation.geometry, self.embedding_channels)
            for relation in relations
        ]
        blocks = iter(self.relation_blocks)
        for fc, number in zip(self.shared_fcs, self.num_relation_blocks):
            x = fc(x)
            if relations:
                auxiliary = fc(auxiliary)
                x = self._relate(
                    x, auxiliary, relations, embeddings, islice(blocks, number)
                )
                # what blocks saw must stay, so none of the ReLUs is in place
                auxiliary = F.relu(auxiliary)
            x = F.relu(x)
        return x

    def forward(
        self,
        x: Tensor,
        auxiliary: Tensor | None = None,
        relations: Sequence[Relation] = (),
    ) -> tuple[Tensor, Tensor]:
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
        x = self._shared(
            x.flatten(1), auxiliary.flatten(1) if relations else None, relations
        )
        if self.training:
            # a parameter without gradient, where no sample has a partner, is an
            # error in distributed training
            x = x + 0.0 * sum(p.sum() for p in self.relation_blocks.parameters())
        cls_score = self.fc_cls(x) if self.with_cls else None
        bbox_pred = self.fc_reg(x) if self.with_reg else None
        return cls_score, bbox_pred
