"""Segmentation of masses by the asymmetry of both breasts."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mammo_plugins.models.layers.asymmetry_gate import AsymmetryEncoder
from mammo_plugins.models.layers.view_transformer import ViewTransformer
from mammo_plugins.models.multi_view import ViewBatch
from mammo_plugins.models.segmentors.exam_segmentor import ExamSegmentor, mass_logits
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import LATERALITIES, VIEWS, other_laterality


class _Decoder(nn.Module):
    """Decoder to full resolution with skip connections (as in TransUNet)."""

    def __init__(self, in_channels: int, skips: Sequence[int], num_groups: int) -> None:
        super().__init__()
        coming = (in_channels, *skips[::-1])
        self.up = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(coarse + fine, fine, 3, padding=1, bias=False),
                nn.GroupNorm(num_groups, fine),
                nn.ReLU(),
            )
            for coarse, fine in zip(coming, skips[::-1])
        )
        self.logits = mass_logits(skips[0])

    def forward(
        self, features: Tensor, skips: Sequence[Tensor], size: Sequence[int]
    ) -> Tensor:
        for up, skip in zip(self.up, skips[::-1]):
            features = F.interpolate(features, skip.shape[2:], mode='bilinear')
            features = up(torch.cat([features, skip], dim=1))
        return F.interpolate(self.logits(features), tuple(size), mode='bilinear')


@MODELS.register_module()
class AsymmetrySensitiveSegmentor(ExamSegmentor):
    """Segmentation of masses in CC and MLO, compared with the other breast (NaFV-Net).

    "The Breast Mass Segmentation" has a convolutional encoder with asymmetry gates
    (eqs. 1 to 3), tokens with positions, self-attention and cross-attention between the
    projections in parallel (eqs. 4 to 7), and a decoder to full resolution.

    Each side in turn is treated as the affected one, the other as the unaffected one.
    The network thus learns to segment nothing in a breast without a mass, which
    identifies the affected side in :meth:`predict`. In the paper, the network sees only
    the affected side; the paper does not state how that side is known in tests.

    The paper names no loss. Here it is binary cross entropy and Dice, as in TransUNet.

    Args:
        num_tokens (int): Positions of the feature map, (H / 8) (W / 8) for images of
            size (H, W).
        in_channels (int): Channels of the images. Defaults to 1.
        channels (Sequence[int]): Channels of the encoder's blocks. Defaults to
            (64, 128, 256).
        embed_dims (int): Channels of the tokens. Defaults to 256.
        num_layers (int): Layers of each kind of attention. Defaults to 4.
        num_heads (int): Defaults to 8.
        gated (bool): Whether to use the other side. False is row 1 of table 3, without
            asymmetry sensitivity. Defaults to True.
        attentions (Sequence[str]): 'self', 'cross' or both. An empty sequence is row 2
            of table 3, without attention. Defaults to both.
        **kwargs: As in :class:`ExamSegmentor`.
    """

    def __init__(
        self,
        num_tokens: int,
        in_channels: int = 1,
        channels: tuple[int, ...] = (64, 128, 256),
        embed_dims: int = 256,
        num_layers: int = 4,
        num_heads: int = 8,
        gated: bool = True,
        attentions: tuple[str, ...] = ('self', 'cross'),
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.encoder = AsymmetryEncoder(in_channels, tuple(channels), gated)
        deepest = 2 * channels[-1]
        if attentions:
            self.transformer = ViewTransformer(
                deepest,
                embed_dims,
                num_tokens,
                num_layers,
                num_heads,
                tuple(attentions),
            )
            deepest = embed_dims
        else:
            self.transformer = None
        self.decoder = _Decoder(deepest, channels[:-1], num_groups=8)

    def logits(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute logits with each side in turn as the affected one.

        As in :meth:`ExamSegmentor.logits`.
        """
        # both sides in one pass: R against L, then L against R
        sides = [
            ViewBatch.whole(
                {
                    side: inputs[self.view_name(side, projection)]
                    for side in LATERALITIES
                }
            )
            for projection in VIEWS
        ]
        opposite = {side: other_laterality(side) for side in LATERALITIES}
        features = [
            self.encoder(*(both.rows[rows] for rows in both.mask.paired(opposite)))
            for both in sides
        ]
        deepest = [levels[-1] for levels in features]
        if self.transformer is not None:
            deepest = self.transformer(*deepest)
        found = {}
        for projection, both, levels, last in zip(VIEWS, sides, features, deepest):
            logits = both.like(self.decoder(last, levels[:-1], both.rows.shape[2:]))
            found.update(
                (self.view_name(side, projection), part)
                for side, part in logits.views.items()
            )
        return found
