"""Focal loss between an annotated and a predicted map of lesions."""

from mmdet.models.losses import FocalLoss
from mmdet.utils import reduce_mean
from torch import Tensor

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class PixelFocalLoss(FocalLoss):
    """Pixel-wise focal loss (PWFL) of MommiNet-v2 (section 3.4).

    The sigmoid focal loss of all pixels is summed and divided by the number of lesion
    pixels in the batch. The paper does not state the divisor. With the number of all
    pixels, masses would be weighted by their area in the image. With only the lesion
    pixels, as in the focal loss paper (Lin et al., 2017, section 4.1), a batch without
    lesions would be divided by 1 and outweigh the others hundreds of times. The divisor
    is therefore at least ``min_lesion_fraction`` of the pixels, and at least 1. In
    distributed training, it is averaged over the processes.

    Args:
        gamma (float): Focusing parameter. Defaults to 2.0.
        alpha (float): Weight of the lesion pixels. Defaults to 0.25.
        min_lesion_fraction (float): Least divisor, as a share of the pixels. Defaults
            to 0.001.
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
            logits (Tensor): Logits of any shape.
            target (Tensor): Target of the same shape; 1 in lesions, 0 outside,
                ``ignore_index`` where it is unknown.

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
