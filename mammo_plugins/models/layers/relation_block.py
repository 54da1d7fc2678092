"""Relations between the RoIs of two views of one breast."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmdet.utils import OptMultiConfig
from mmengine.model import BaseModule
from torch import Tensor, nn

from mammo_plugins.models.utils import to_device
from mammo_plugins.registry import MODELS

LEAST_LENGTH = 1.0
"""In mm or pixels: shorter ones count as this long, so that logarithms are finite."""
LEAST_RATIO = 1e-3
"""The same for distances relative to a box's size, as in Hu et al.'s code."""
LEAST_WEIGHT = 1e-6
"""The same for geometric weights, so that weights of all zeros are all alike."""


def length_factors(main: dict, auxiliary: dict) -> tuple[tuple, tuple]:
    """Return the factors that bring lengths in two views to a common unit.

    The views may have been resized by different factors and have different pixel
    spacings. The unit is mm if both pixel spacings are known, and pixels of the files
    otherwise. A view that was registered onto the main view has the main view's pixels.

    Args:
        main (dict): Metainfo of the main view: ``scale_factor`` (w, h), absent if the
            view was not resized, and ``pixel_spacing_mm`` (row, column) or ``None``.
        auxiliary (dict): The same for the auxiliary view, and ``registration``.

    Returns:
        tuple: (fx, fy) for either view, in units per pixel of the network's input.
    """
    if auxiliary.get('registration'):
        auxiliary = main
    known = all(meta.get('pixel_spacing_mm') for meta in (main, auxiliary))

    def factors(meta: dict) -> tuple[float, float]:
        row, column = meta['pixel_spacing_mm'] if known else (1.0, 1.0)
        width, height = meta.get('scale_factor', (1.0, 1.0))
        return column / width, row / height

    return factors(main), factors(auxiliary)


def _centres_and_sizes(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return (
        (boxes[:, :2] + boxes[:, 2:]) / 2,
        (boxes[:, 2:] - boxes[:, :2]).clamp(min=LEAST_LENGTH),
    )


def nipple_geometry(
    main_boxes: Tensor,
    main_nipple: Sequence[float],
    aux_boxes: Tensor,
    aux_nipple: Sequence[float],
) -> Tensor:
    """Compare RoIs by their distance from the nipple and their size.

    MommiNet-v2, section 3.5, eq. 2: log(d_m / d_a), log(w_m / w_a),
    log(h_m / h_a), where d is the distance from the centre of the RoI to the nipple.
    Lengths below 1 count as 1.

    Args:
        main_boxes (Tensor): (I, 4), in a unit that both views share.
        main_nipple (Sequence[float]): (x, y) in that unit.
        aux_boxes (Tensor): (J, 4), boxes of the auxiliary view.
        aux_nipple (Sequence[float]): (x, y) in that unit.

    Returns:
        Tensor: (I, J, 3).
    """
    logs = []
    for boxes, nipple in ((main_boxes, main_nipple), (aux_boxes, aux_nipple)):
        centres, sizes = _centres_and_sizes(boxes)
        distances = (centres - to_device(nipple, centres, centres.dtype)).norm(dim=1)
        logs.append(
            torch.cat([distances.clamp(min=LEAST_LENGTH)[:, None], sizes], 1).log()
        )
    return logs[0][:, None] - logs[1]


def shape_location_geometry(main_boxes: Tensor, aux_boxes: Tensor) -> Tensor:
    """Compare RoIs by their position in the image and their size.

    Eq. 2 of Ma et al., 2019, which is that of Hu et al., 2018, for two views:
    ``log(|x_m - x_a| / w_m), log(|y_m - y_a| / h_m), log(w_a / w_m), log(h_a / h_m)``.
    Relative distances below 0.001 count as 0.001.

    Args:
        main_boxes (Tensor): (I, 4), in a unit that both views share.
        aux_boxes (Tensor): (J, 4), boxes of the auxiliary view.

    Returns:
        Tensor: (I, J, 4).
    """
    main_centres, main_sizes = _centres_and_sizes(main_boxes)
    aux_centres, aux_sizes = _centres_and_sizes(aux_boxes)
    offsets = (main_centres[:, None] - aux_centres).abs() / main_sizes[:, None]
    return torch.cat(
        [offsets.clamp(min=LEAST_RATIO).log(), (aux_sizes / main_sizes[:, None]).log()],
        -1,
    )


def embed_geometry(
    geometry: Tensor, channels: int = 16, wave_length: float = 1000.0
) -> Tensor:
    """Embed each geometric value in sines and cosines.

    Hu et al., Relation Networks for Object Detection, CVPR 2018, section 3.1: for a
    value v, the sines and then the cosines of 100 v / wave_length^(k / K), for k = 0
    ... K - 1. The factor of 100 is from their code.

    Args:
        geometry (Tensor): (..., G).
        channels (int): Channels per value, 2 K. Defaults to 16, as in their paper.
        wave_length (float): Defaults to 1000, as in their paper.

    Returns:
        Tensor: (..., G * channels), value by value.
    """
    half = channels // 2
    steps = torch.arange(half, dtype=geometry.dtype, device=geometry.device)
    phases = geometry[..., None] * (100.0 / wave_length ** (steps / half))
    return torch.cat([phases.sin(), phases.cos()], -1).flatten(-2)


@MODELS.register_module()
class IpsilateralRelationBlock(BaseModule):
    r"""Relation block of MommiNet-v2 (section 3.5, eqs. 1 and 2).

    Each main RoI attends to the auxiliary RoIs, by appearance and by geometry:

    .. math::
        \omega_A^{ij} = \frac{(W_a f_a^j) \cdot (W_m f_m^i)}{\sqrt{d_k}}, \quad
        \omega_G^{ij} = \max(0, W_G \mathcal{E}(g_m^i, g_a^j)), \quad
        \omega^{ij} = \frac{\omega_G^{ij} \exp \omega_A^{ij}}
                      {\sum_j \omega_G^{ij} \exp \omega_A^{ij}}

    The sums of :math:`\omega^{ij} W_V f_a^j` of all heads are concatenated and added to
    the main RoI's features. According to the paper, everything except eq. 1 and the
    arguments of E is as in Hu et al. (CVPR 2018). Where their text and code differ, we
    follow the code: the features are those before the ReLU, which is applied to the
    sum, and all four maps have biases. We guess that the paper keeps their numbers of
    heads and channels and their initialization.

    The weights sum to 1, so that even an RoI without a partner receives features.
    ``none_key``, our addition, adds one more learned key, 'none of these', with a
    learned geometric weight and a value of zero. With 300 RoIs, its initial weight is
    about one fifth.

    With automatic mixed precision, the maps of features run in half precision, and
    geometry, logarithm and softmax in float32.

    Args:
        in_channels (int): Channels of RoI features, a multiple of ``num_heads``.
            Defaults to 1024.
        num_heads (int): Defaults to 16.
        key_channels (int): d_k, per head. Defaults to 64.
        geometry_channels (int): Channels of the embedded geometry. Defaults to 48: 3
            values of 16 channels.
        none_key (bool): Whether to add the key 'none of these'. Defaults to False.
        init_cfg (dict, optional): Defaults to a normal distribution of standard
            deviation 0.01.
    """

    def __init__(
        self,
        in_channels: int = 1024,
        num_heads: int = 16,
        key_channels: int = 64,
        geometry_channels: int = 48,
        none_key: bool = False,
        init_cfg: OptMultiConfig = dict(type='Normal', layer='Linear', std=0.01),
    ) -> None:
        super().__init__(init_cfg)
        if in_channels % num_heads:
            raise ValueError(
                f'IpsilateralRelationBlock: in_channels {in_channels} is not a '
                f'multiple of num_heads {num_heads}; each head gives an equal '
                'share of the channels'
            )
        self.num_heads = num_heads
        self.main_key = nn.Linear(in_channels, num_heads * key_channels)
        self.aux_key = nn.Linear(in_channels, num_heads * key_channels)
        self.aux_value = nn.Linear(in_channels, in_channels)
        self.geometry_weight = nn.Linear(geometry_channels, num_heads)
        self.none_key = None
        if none_key:
            self.none_key = nn.Parameter(torch.zeros(num_heads * key_channels))
            self.none_log_weight = nn.Parameter(torch.zeros(num_heads))

    def _heads(self, x: Tensor) -> Tensor:
        """Reshape (N, heads * C) to (1, heads, N, C), in at least float32."""
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        return x.unflatten(1, (self.num_heads, -1)).transpose(0, 1)[None]

    def _log_weights(self, embedding: Tensor) -> Tensor:
        """Map (I, J, geometry_channels) to log weights (1, heads, I, J), all finite."""
        weights = self.geometry_weight(embedding).clamp(min=LEAST_WEIGHT)
        return weights.log().permute(2, 0, 1)[None]

    def forward(self, main: Tensor, auxiliary: Tensor, embedding: Tensor) -> Tensor:
        """Add features of related auxiliary RoIs to main RoIs.

        Args:
            main (Tensor): Features of the main RoIs, (I, in_channels), before the
                ReLU.
            auxiliary (Tensor): Features of the auxiliary RoIs, (J, in_channels), J > 0,
                also before the ReLU.
            embedding (Tensor): :func:`embed_geometry` of their geometry,
                (I, J, geometry_channels), float32. Successive blocks share it.

        Returns:
            Tensor: (I, in_channels), to be followed by the ReLU.
        """
        query, value = self.main_key(main), self.aux_value(auxiliary)
        key = self.aux_key(auxiliary)
        if self.none_key is not None:
            key = torch.cat([key, self.none_key[None].to(key.dtype)])
            value = torch.cat([value, torch.zeros_like(value[:1])])
        with torch.autocast(main.device.type, enabled=False):
            bias = self._log_weights(embedding)
            if self.none_key is not None:
                none = self.none_log_weight[None, :, None, None]
                bias = torch.cat([bias, none.expand(-1, -1, len(main), 1)], -1)
            # softmax(q k / sqrt(d_k) + log w_G) v is the required weighted mean
            related = F.scaled_dot_product_attention(
                self._heads(query), self._heads(key), self._heads(value), attn_mask=bias
            )
        return main + related[0].transpose(0, 1).flatten(1).to(main.dtype)
