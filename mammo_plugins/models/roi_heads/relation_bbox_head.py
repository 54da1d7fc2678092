"""Box head with relation blocks."""

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
    """Related RoIs of a main view and its auxiliary view.

    Attributes:
        main (slice): Rows of I RoIs among those of the main views, all of one image.
        auxiliary (slice): Rows of J > 0 RoIs among those of the auxiliary views, all of
            its partner.
        geometry (Tensor): Geometric values, (I, J, G).
    """

    main: slice
    auxiliary: slice
    geometry: Tensor


@MODELS.register_module()
class RelationBBoxHead(SyncedBBoxHead):
    """Box head of two shared fully connected layers with relation blocks.

    The head of IpsiDualNet (MommiNet-v2, section 3.5, figure 3). As in Hu et al.'s code
    (Relation Networks for Object Detection, CVPR 2018), relation blocks are placed
    between a fully connected layer and its ReLU, one after each layer. Auxiliary RoIs
    pass through the layers without blocks. The output for RoIs without relations is
    bit-identical to that of :class:`mmdet.models.Shared2FCBBoxHead`. Without relation
    blocks, this is that head for the concatenated RoI features of both views (tables 2
    and 3).

    Args:
        num_relation_blocks (Sequence[int]): Blocks after the first and after the second
            layer, Hu et al.'s r1 and r2. Defaults to (1, 1), as in their paper;
            MommiNet-v2 has two blocks.
        num_geometry (int): Geometric values per pair of RoIs. :class:`RelationRoIHead`
            sets it. Defaults to 3.
        num_heads (int): Heads of a relation block. Defaults to 16.
        key_channels (int): Channels per head of a relation block. Defaults to 64.
        none_key (bool): As in :class:`IpsilateralRelationBlock`. Defaults to False.
        embedding_channels (int): Channels per geometric value. Defaults to 16.
        in_channels (int): Channels of the RoI features of one view. Defaults to 256.
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
                # the backward pass needs the blocks' inputs, so no ReLU is in place
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
            auxiliary (Tensor, optional): RoI features of the auxiliary views,
                (L, C, H, W). Only used with relations.
            relations (Sequence[Relation]): Related RoIs, one item for each main image
                with a usable auxiliary view, in order.

        Returns:
            tuple: ``cls_score`` and ``bbox_pred``, as in the parent.
        """
        x = self._shared(
            x.flatten(1), auxiliary.flatten(1) if relations else None, relations
        )
        if self.training:
            # without a partner in the batch, these parameters would get no gradient,
            # which is an error in distributed training
            x = x + 0.0 * sum(p.sum() for p in self.relation_blocks.parameters())
        cls_score = self.fc_cls(x) if self.with_cls else None
        bbox_pred = self.fc_reg(x) if self.with_reg else None
        return cls_score, bbox_pred
