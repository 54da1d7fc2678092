"""Focal loss between a map of lesions and a network's map."""

from mmdet.models.losses import FocalLoss
from mmdet.utils import reduce_mean
from torch import Tensor

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class PixelFocalLoss(FocalLoss):
    """Pixel-wise focal loss (PWFL) of MommiNet-v2 (section 3.4).

    Sigmoid focal loss of each pixel, summed, over the number of lesion pixels of
    the batch. The paper does not say over what. Over all pixels, masses of
    different sizes would count by their area in the image; over the lesion pixels
    alone, as in the focal loss paper (Lin et al., 2017, section 4.1), a batch
    without lesions would be divided by 1 and outweigh the others hundreds of
    times. So the divisor is at least ``min_lesion_fraction`` of the pixels, and
    at least 1. In distributed training it is averaged over the processes.

    Args:
        gamma (float): Focusing parameter. Defaults to 2.0.
        alpha (float): Weight of the lesion pixels. Defaults to 0.25.
        min_lesion_fraction (float): Least share of the pixels taken for lesion
            when dividing. Defaults to 0.001.
        ignore_index (int): Pixels of the target with this value do not count.
            Defaults to 255.
        loss_weight (float): Weight of the loss. Defaults to 1.0.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float = 0.25,
        min_lesion_fraction: float = 0.001,
        ignore_index: int = 255,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(gamma=gamma, alpha=alpha, loss_weight=loss_weight)
        self.min_lesion_fraction = min_lesion_fraction
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            logits (Tensor): Any shape.
            target (Tensor): The same shape; 1 in lesions, 0 outside,
                ``ignore_index`` where it is not known.

        Returns:
            Tensor: A scalar; 0 when all pixels are ignored.
        """
        counted = target != self.ignore_index
        # float32: in half precision the sum over a large image overflows
        logits, target = logits[counted].float(), target[counted].float()
        lesion = reduce_mean(target.sum())
        pixels = reduce_mean(target.new_tensor(float(target.numel())))
        divisor = lesion.maximum(self.min_lesion_fraction * pixels).clamp(min=1)
        return super().forward(logits, target, reduction_override='sum') / divisor
