"""Focal loss for the classification branch of an RoI head."""

import torch
from mmdet.models.losses import FocalLoss
from mmdet.models.losses.accuracy import accuracy
from mmdet.utils import reduce_mean
from torch import Tensor

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class RoIFocalLoss(FocalLoss):
    """Sigmoid focal loss for mmdet's ``BBoxHead``, with matching scores.

    With mmdet's own ``FocalLoss``, a ``BBoxHead`` trains ``num_classes + 1``
    independent sigmoids but uses their softmax as scores. Here the head has
    ``num_classes`` outputs, background is the absence of all classes, and scores are
    the trained sigmoids. The sum is divided by the number of foreground RoIs, as in the
    focal loss paper (Lin et al., 2017, section 4.1), not by the number of all RoIs,
    most of which have hardly any weight in this loss. The number is that of the batch,
    averaged over the processes, and at least ``min_foreground_fraction`` of the RoIs.
    Otherwise, with one image per process, a false positive in a normal image would
    weigh as much as all 40 to 130 foreground RoIs of an image with a mass together, and
    the same false positive next to a mass correspondingly less.

    MommiNet-v2 (section 3.5) uses focal loss instead of cross entropy.

    Args:
        min_foreground_fraction (float): Least divisor, as a share of the RoIs. Defaults
            to 0.05, or 26 of 512 RoIs: about the mean over images if a third of them
            show a mass.
        gamma (float): Focusing parameter. Defaults to 2.0.
        alpha (float): Weight of the foreground. Defaults to 0.25.
        loss_weight (float): Weight of the loss. Defaults to 1.0.
    """

    # attributes by which BBoxHead recognizes a loss with its own outputs and scores
    custom_cls_channels = True
    custom_activation = True
    custom_accuracy = True

    def __init__(
        self,
        min_foreground_fraction: float = 0.05,
        gamma: float = 2.0,
        alpha: float = 0.25,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(gamma=gamma, alpha=alpha, loss_weight=loss_weight)
        self.min_foreground_fraction = min_foreground_fraction

    def get_cls_channels(self, num_classes: int) -> int:
        """Return the number of outputs, one per class.

        Args:
            num_classes (int): Number of foreground classes.
        """
        return num_classes

    def get_activation(self, cls_score: Tensor) -> Tensor:
        """Turn logits into scores.

        Args:
            cls_score (Tensor): Logits, shape (N, C).

        Returns:
            Tensor: (N, C + 1) scores; the last is the background's, which
            ``BBoxHead`` expects and drops.
        """
        scores = cls_score.sigmoid()
        background = 1 - scores.amax(dim=-1, keepdim=True)
        return torch.cat([scores, background], dim=-1)

    def get_accuracy(self, cls_score: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the percentage of RoIs classified correctly.

        Args:
            cls_score (Tensor): Logits, shape (N, C).
            labels (Tensor): Shape (N,); C is background.
        """
        return dict(acc=accuracy(self.get_activation(cls_score), labels))

    def forward(
        self,
        cls_score: Tensor,
        labels: Tensor,
        label_weights: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Compute the loss.

        Args:
            cls_score (Tensor): Logits, shape (N, C).
            labels (Tensor): Shape (N,), 0 to C - 1 foreground, C background.
            label_weights (Tensor, optional): Shape (N,).
            avg_factor (float or Tensor, optional): ``BBoxHead``'s number of RoIs, which
                is replaced by the number of foreground RoIs. ``None`` leaves the
                reduction to mmdet.
            reduction_override (str, optional): 'none', 'mean' or 'sum'.

        Returns:
            Tensor: The loss.
        """
        if avg_factor is not None:
            foreground = (labels >= 0) & (labels < cls_score.size(-1))
            counts = reduce_mean(
                torch.stack(
                    [
                        foreground.sum().float(),
                        torch.as_tensor(avg_factor).to(cls_score).float(),
                    ]
                )
            )
            avg_factor = (
                counts[0].maximum(self.min_foreground_fraction * counts[1]).clamp(min=1)
            )
        return super().forward(
            cls_score, labels, label_weights, avg_factor, reduction_override
        )
