"""Self-attention in a breast and cross-attention to the other one."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mammo_plugins.models.multi_view import ViewBatch
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import LATERALITIES, other_laterality

OPPOSITE = {side: other_laterality(side) for side in LATERALITIES}
ATTENTIONS = ('self', 'cross')


def sine_positions(height: int, width: int, channels: int) -> Tensor:
    """Return a sinusoidal embedding of the positions in a feature map.

    Half of the channels encode the row and half the column, each as in Vaswani et al.
    (2017), with wave lengths from 2 pi to 10,000 x 2 pi cells.

    Args:
        height, width (int): Size of the map.
        channels (int): A multiple of 4.

    Returns:
        Tensor: (height * width, channels).
    """
    if channels % 4:
        raise ValueError(
            f'sine_positions: {channels} channels; expected a multiple of 4'
        )
    rates = 10000.0 ** (-torch.arange(channels // 4) / (channels // 4))

    def waves(length: int) -> Tensor:
        angles = torch.arange(length)[:, None] * rates
        return torch.cat([angles.sin(), angles.cos()], dim=1)

    rows = waves(height)[:, None].expand(-1, width, -1)
    columns = waves(width)[None].expand(height, -1, -1)
    return torch.cat([rows, columns], dim=2).flatten(0, 1)


class AsymmetricTransformerBlock(BaseModule):
    """Block of DisAsymNet's asymmetric transformer (section 2.1).

    Self-attention and cross-attention to the other breast run in parallel on the same
    queries, keys and values. Their results and the input features are concatenated, and
    a feed-forward network reduces them to the input's size. The paper does not state
    the layer normalization before, the residual connection around, and the hidden layer
    of ``in_channels``, without which twelve blocks do not train.

    Args:
        in_channels (int): C, a multiple of ``num_heads``.
        num_heads (int): Defaults to 8.
        attentions (Sequence[str]): 'self', 'cross' or both, as in the rows of table 1.
            Defaults to both.
    """

    def __init__(
        self,
        in_channels: int,
        num_heads: int = 8,
        attentions: Sequence[str] = ATTENTIONS,
    ) -> None:
        super().__init__()
        if in_channels % num_heads:
            raise ValueError(
                f'AsymmetricTransformerBlock: {in_channels} channels '
                f'do not divide by {num_heads} heads'
            )
        if not attentions or not set(attentions) <= set(ATTENTIONS):
            raise ValueError(
                'AsymmetricTransformerBlock.attentions: '
                f'{tuple(attentions)}; expected some of {ATTENTIONS}'
            )
        self.num_heads = num_heads
        self.attentions = tuple(attentions)
        self.norm = nn.LayerNorm(in_channels)
        self.query_key = nn.Linear(in_channels, 2 * in_channels)
        self.value = nn.Linear(in_channels, in_channels)
        self.fuse = nn.Sequential(
            nn.Linear((1 + len(attentions)) * in_channels, in_channels),
            nn.GELU(),
            nn.Linear(in_channels, in_channels),
        )

    def forward(
        self, right: Tensor, left: Tensor, positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compare both sides.

        Args:
            right, left (Tensor): (N, L, C).
            positions (Tensor): (L, C), added to queries and keys.

        Returns:
            tuple[Tensor, Tensor]: Right and left, (N, L, C); swapped inputs give
            swapped outputs.
        """
        both = ViewBatch.whole(dict(R=right, L=left))
        _, others = both.mask.paired(OPPOSITE)
        starting = self.norm(both.rows)
        # (2N, heads, L, C / heads) each
        query, key, value = (
            part.unflatten(2, (self.num_heads, -1)).transpose(1, 2)
            for part in (
                *self.query_key(starting + positions).chunk(2, 2),
                self.value(starting),
            )
        )
        parts = [starting]
        if 'self' in self.attentions:
            parts.append(self._attend(query, key, value))
        if 'cross' in self.attentions:
            parts.append(self._attend(query, key[others], value[others]))
        fused = both.like(both.rows + self.fuse(torch.cat(parts, dim=2)))
        return tuple(fused.views.values())

    @staticmethod
    def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        # memory-efficient if the device supports it
        attended = F.scaled_dot_product_attention(query, key, value)
        return attended.transpose(1, 2).flatten(2)


@MODELS.register_module()
class AsymmetricTransformer(BaseModule):
    """Asymmetric transformer of DisAsymNet (section 2.1).

    Positions are encoded by a fixed sinusoidal embedding of queries and keys: the paper
    names none, but without it a region could not find its mirror image. Both breasts
    face the same way, so mirrored positions have the same embedding. It is not added to
    the features, because it would then appear in every class activation map.

    Args:
        in_channels (int): C.
        num_layers (int): N. Defaults to 12.
        num_heads (int): h. Defaults to 8.
        attentions (Sequence[str]): As in :class:`AsymmetricTransformerBlock`. The paper
            uses both; ``('cross', )`` is the cross-view transformer that it compares
            with. Defaults to both.
        init_cfg (dict, optional): Defaults to truncated normal weights.
    """

    def __init__(
        self,
        in_channels: int,
        num_layers: int = 12,
        num_heads: int = 8,
        attentions: Sequence[str] = ATTENTIONS,
        init_cfg: dict | None = dict(type='TruncNormal', layer='Linear', std=0.02),
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.layers = nn.ModuleList(
            AsymmetricTransformerBlock(in_channels, num_heads, attentions)
            for _ in range(num_layers)
        )

    def forward(self, right: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
        """Compare the features of both breasts.

        Args:
            right, left (Tensor): (N, C, H, W) each, facing the same way.

        Returns:
            tuple[Tensor, Tensor]: Right and left, (N, C, H, W).

        Raises:
            ValueError: If the shapes differ.
        """
        if right.shape != left.shape:
            raise ValueError(
                'AsymmetricTransformer: features of shapes '
                f'{tuple(right.shape)} and {tuple(left.shape)}; both '
                'breasts have to be of one size'
            )
        _, channels, height, width = right.shape
        positions = sine_positions(height, width, channels).to(right)
        right, left = (side.flatten(2).transpose(1, 2) for side in (right, left))
        for layer in self.layers:
            right, left = layer(right, left, positions)
        return tuple(
            side.transpose(1, 2).unflatten(2, (height, width)) for side in (right, left)
        )
