"""Self-attention within a view and cross-attention to the other projection."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

PARTS = ('self', 'cross')


class AttentionLayer(BaseModule):
    """Pre-norm transformer layer (NaFV-Net, eqs. 5 and 6).

    Args:
        embed_dims (int): D.
        num_heads (int): A divisor of D.
        mlp_ratio (float): Width of the hidden layer, in multiples of D. Defaults to 4.
    """

    def __init__(self, embed_dims: int, num_heads: int, mlp_ratio: float = 4.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dims)
        self.attention = nn.MultiheadAttention(embed_dims, num_heads, batch_first=True)
        self.norm2 = nn.LayerNorm(embed_dims)
        hidden = int(mlp_ratio * embed_dims)
        self.mlp = nn.Sequential(
            nn.Linear(embed_dims, hidden), nn.GELU(), nn.Linear(hidden, embed_dims)
        )

    def forward(
        self,
        query: Tensor,
        source: Tensor,
        query_pos: Tensor | float = 0.0,
        source_pos: Tensor | float = 0.0,
    ) -> Tensor:
        """Apply attention and the feed-forward network.

        Args:
            query (Tensor): (N, L, D).
            source (Tensor): (N, M, D), the tokens to attend to; ``query`` itself for
                self-attention.
            query_pos (Tensor), source_pos (Tensor): (L, D) and (M, D) positions,
                added to queries and to keys. Default to none.

        Returns:
            Tensor: (N, L, D).
        """
        normed, source = self.norm1(query), self.norm1(source)
        query = (
            query
            + self.attention(
                normed + query_pos, source + source_pos, source, need_weights=False
            )[0]
        )
        return query + self.mlp(self.norm2(query))


class ViewTransformer(BaseModule):
    """Self- and cross-attention of CC and MLO tokens (NaFV-Net, eqs. 4 to 7).

    Self-attention and cross-attention run in parallel through their own layers, which
    both projections share. Their last outputs are added with learned weights lambda
    (eq. 7), which start at 1/2 each.

    Args:
        in_channels (int): Channels of the features. Tokens are positions of the feature
            map; the paper has patches of P x P.
        embed_dims (int): D.
        num_tokens (int): Positions of the feature map at the training size. Their
            embeddings are learned (eq. 4), so other sizes raise an error.
        num_layers (int): Layers of each kind. Defaults to 4.
        num_heads (int): Defaults to 8.
        parts (Sequence[str]): 'self', 'cross' or both. Defaults to both.
    """

    def __init__(
        self,
        in_channels: int,
        embed_dims: int,
        num_tokens: int,
        num_layers: int = 4,
        num_heads: int = 8,
        parts: tuple[str, ...] = PARTS,
    ) -> None:
        super().__init__()
        if not parts or not set(parts) <= set(PARTS):
            raise ValueError(
                f'ViewTransformer.parts: {tuple(parts)}; expected some of {PARTS}'
            )
        self.embed = nn.Linear(in_channels, embed_dims)
        self.positions = nn.Parameter(torch.zeros(num_tokens, embed_dims))
        nn.init.trunc_normal_(self.positions, std=0.02)
        self.layers = nn.ModuleDict(
            {
                part: nn.ModuleList(
                    AttentionLayer(embed_dims, num_heads) for _ in range(num_layers)
                )
                for part in parts
            }
        )
        self.weights = nn.ParameterDict(
            {part: nn.Parameter(torch.tensor(1 / len(parts))) for part in parts}
        )

    def forward(self, cc: Tensor, mlo: Tensor) -> tuple[Tensor, Tensor]:
        """Mix the positions of both projections.

        Args:
            cc, mlo (Tensor): (N, C, H, W) each.

        Returns:
            tuple[Tensor, Tensor]: (N, D, H, W) each.

        Raises:
            ValueError: If the feature map does not have ``num_tokens`` positions.
        """
        height, width = cc.shape[-2:]
        if height * width != len(self.positions):
            raise ValueError(
                f'ViewTransformer.num_tokens: {len(self.positions)}, the '
                f'features have {height} x {width} places'
            )
        tokens = [
            self.embed(view.flatten(2).transpose(1, 2)) + self.positions
            for view in (cc, mlo)
        ]
        mixed = [torch.zeros_like(view) for view in tokens]
        for part, layers in self.layers.items():
            views = tokens
            for layer in layers:
                sources = views if part == 'self' else views[::-1]
                views = [layer(view, source) for view, source in zip(views, sources)]
            mixed = [
                total + self.weights[part] * view for total, view in zip(mixed, views)
            ]
        return tuple(
            view.transpose(1, 2).unflatten(2, (height, width)) for view in mixed
        )
