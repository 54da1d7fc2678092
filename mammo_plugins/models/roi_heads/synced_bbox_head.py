"""The box head whose classification learns in every process."""
from typing import Optional

from mmdet.models import Shared2FCBBoxHead
from torch import Tensor

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class SyncedBBoxHead(Shared2FCBBoxHead):
    """Two shared fully connected layers and two outputs, for several processes.

    mmdet's ``BBoxHead`` asks its classification loss only where there are RoIs. A
    process without any (normal images, of which the RPN proposes nothing) then neither
    takes part in the mean over processes of :class:`RoIFocalLoss` nor has a gradient
    for ``fc_cls``, and the others wait for it forever. Here it is asked always; of no
    RoI the loss is 0.
    """

    def loss(self, cls_score: Tensor, bbox_pred: Tensor, rois: Tensor, labels: Tensor,
             label_weights: Tensor, bbox_targets: Tensor, bbox_weights: Tensor,
             reduction_override: Optional[str] = None) -> dict:
        """Compute the losses; arguments as in the parent.

        Returns:
            dict[str, Tensor]: As in the parent; ``loss_cls`` is always there.
        """
        losses = super().loss(cls_score, bbox_pred, rois, labels, label_weights,
                              bbox_targets, bbox_weights, reduction_override)
        if not cls_score.numel():
            losses['loss_cls'] = self.loss_cls(
                cls_score, labels, label_weights, avg_factor=0.,
                reduction_override=reduction_override)
        return losses
