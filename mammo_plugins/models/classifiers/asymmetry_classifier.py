"""Classification of breasts as abnormal and of pairs as asymmetric."""

from dataclasses import dataclass

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mammo_plugins.models.multi_view import ViewBatch, ViewMask
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import LATERALITIES


@dataclass
class PairFeatures:
    """Features and logits of :class:`AsymmetryClassifier` for N pairs.

    Attributes:
        stages (tuple[Tensor]): Output of each stage of the encoder, (2N, c, h, w),
            right breasts first.
        output (Tensor): f_out, (2N, C, h, w).
        abnormal (Tensor): Logits, (2N, ).
        asymmetric (Tensor, optional): Logits, (N, ).
        activation (Tensor): Class activation maps of abnormality, (2N, h, w): logits
            whose mean over positions is ``abnormal``.
        mask (ViewMask): Assigns the 2N rows to ``R`` and ``L``.
    """

    stages: tuple[Tensor, ...]
    output: Tensor
    abnormal: Tensor
    asymmetric: Tensor | None
    activation: Tensor
    mask: ViewMask

    @property
    def heat_maps(self) -> Tensor:
        """Tensor: M, (2N, h, w) in [0, 1], differentiable.

        The positive part of the activation over its maximum, times the probability
        of abnormality, so that normal breasts stay dark. The paper refers to online
        class activation maps and does not state how they are scaled.
        """
        positive = self.activation.float().relu()  # half precision lacks 1e-6
        highest = positive.amax(dim=(1, 2), keepdim=True).clamp(min=1e-6)
        return positive / highest * self.abnormal.sigmoid()[:, None, None]

    def masks(
        self, size: tuple[int, int], soft_mask: tuple[float, float] | None = None
    ) -> Tensor:
        """Return M in pixels of the images, (2N, H, W) in [0, 1].

        Args:
            size (tuple[int]): (H, W).
            soft_mask (tuple[float], optional): (w, s) of HAM's soft mask
                ``sigmoid(w (m - s))``, which replaces m, the upsampled positive part
                scaled to [0, 1]. ``None`` returns :attr:`heat_maps`. Defaults to
                ``None``.
        """
        if soft_mask is None:
            return F.interpolate(self.heat_maps[:, None], size, mode='bilinear')[:, 0]
        steepness, threshold = soft_mask
        positive = F.interpolate(
            self.activation.float().relu()[:, None], size, mode='bilinear'
        )[:, 0]
        low = positive.amin(dim=(1, 2), keepdim=True)
        high = positive.amax(dim=(1, 2), keepdim=True)
        scaled = (positive - low) / (high - low).clamp(min=1e-6)
        hot = (steepness * (scaled - threshold)).sigmoid()
        return hot * self.abnormal.float().sigmoid()[:, None, None]

    def first(self, num: int) -> 'PairFeatures':
        """Return the classification of only the first pairs.

        Args:
            num (int): Number of pairs.
        """

        def of_pairs(tensor: Tensor) -> Tensor:
            return ViewBatch(self.mask, tensor).stacked[:, :num].flatten(0, 1)

        return PairFeatures(
            tuple(map(of_pairs, self.stages)),
            of_pairs(self.output),
            of_pairs(self.abnormal),
            None if self.asymmetric is None else self.asymmetric[:num],
            of_pairs(self.activation),
            ViewMask.whole(self.mask.names, num),
        )


@MODELS.register_module()
class AsymmetryClassifier(BaseModule):
    """Classification module AsyC of DisAsymNet (section 2.1).

    It has one encoder for both breasts, the asymmetric transformer, a classifier of
    abnormality for each side, and a classifier of asymmetry on the absolute difference
    of both sides' features. Each classifier is a 1 x 1 convolution, whose output is the
    class activation map, and an average over positions.

    Args:
        encoder (dict): A backbone, such as ``ResNet``. Its last output is used.
        in_channels (int): C, the channels of that output.
        neck (dict, optional): :class:`AsymmetricTransformer`. ``None`` omits it, as in
            ablations of the paper.
        concatenate (bool): Without a neck, whether the classifier of a side gets both
            sides' features, concatenated ("late fusion"). Defaults to False.
        asymmetry (bool): Whether to classify asymmetry. Defaults to True.
        init_cfg (dict, optional): Defaults to ``None``.
    """

    def __init__(
        self,
        encoder: dict,
        in_channels: int,
        neck: dict | None = None,
        concatenate: bool = False,
        asymmetry: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if neck is not None and concatenate:
            raise ValueError('AsymmetryClassifier.concatenate: only without a neck')
        self.encoder = MODELS.build(encoder)
        self.neck = MODELS.build(neck) if neck is not None else None
        self.concatenate = concatenate
        self.abnormal_head = nn.Conv2d(in_channels * (1 + concatenate), 1, 1)
        self.asymmetry_head = nn.Conv2d(in_channels, 1, 1) if asymmetry else None

    def forward(self, right: Tensor, left: Tensor) -> PairFeatures:
        """Classify pairs.

        Args:
            right, left (Tensor): (N, c, H, W), facing the same way.
        """
        pairs = ViewBatch.whole(dict(zip(LATERALITIES, (right, left))))
        stages = self.encoder(pairs.rows)
        output = pairs.like(stages[-1])
        if self.neck is not None:
            output = ViewBatch(pairs.mask, self.neck(*output.stacked))
        judged = output.rows
        if self.concatenate:
            others = output.stacked.flip(0).flatten(0, 1)
            judged = torch.cat([output.rows, others], dim=1)
        activation = self.abnormal_head(judged)[:, 0]
        asymmetric = None
        if self.asymmetry_head is not None:
            ours, theirs = output.stacked
            asymmetric = self.asymmetry_head((ours - theirs).abs()).mean((1, 2, 3))
        return PairFeatures(
            stages,
            output.rows,
            activation.mean((1, 2)),
            asymmetric,
            activation,
            pairs.mask,
        )
