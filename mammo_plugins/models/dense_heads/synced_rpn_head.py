"""The RPN whose losses count alike in all processes."""
import torch
from mmdet.models import RPNHead
from mmdet.utils import reduce_mean

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class SyncedRPNHead(RPNHead):
    """RPN whose losses are divided by the mean number over all processes.

    mmdet divides by what is counted in the process's own images: without a sampler,
    as focal loss wants it, by their positive anchors. With one image a process an
    anchor of a normal image, which counts as having 1 positive, then weighs as much
    as all positives of an image with a mass together. On 60 masses of 50 to 300
    pixels, at mmdet's anchors and thresholds, these are 2 to 12, in the mean 3.6.

    mmdet's count is kept as the floor: an image has at least one positive.
    """

    def get_targets(self, *args, **kwargs) -> tuple:
        """Compute targets; as in the parent, the divisor averaged.

        Returns:
            tuple: As in the parent; the fifth is the divisor, a scalar tensor.
        """
        targets = list(super().get_targets(*args, **kwargs))
        device = targets[0][0].device
        targets[4] = reduce_mean(torch.tensor(float(targets[4]), device=device))
        return tuple(targets)
