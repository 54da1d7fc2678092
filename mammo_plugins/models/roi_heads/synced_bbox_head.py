"""Box head that computes a classification loss in every process."""

from mmdet.models import Shared2FCBBoxHead
from mmdet.models.losses import accuracy
from mmdet.structures.bbox import get_box_tensor
from torch import Tensor

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class SyncedBBoxHead(Shared2FCBBoxHead):
    """Box head of two shared fully connected layers, for several processes.

    mmdet's ``BBoxHead`` computes its classification loss only if there are RoIs. A
    process without RoIs (normal images for which the RPN proposes nothing) then neither
    takes part in the mean of :class:`RoIFocalLoss` over the processes nor has a
    gradient for ``fc_cls``, and the others wait for it forever. Here the loss is always
    computed; without RoIs it is 0.

    Losses are computed in float32. Only boxes of positive RoIs are decoded. Counts of
    RoIs stay on the device, whereas mmdet waits for each of them.
    """

    def loss(
        self,
        cls_score: Tensor,
        bbox_pred: Tensor,
        rois: Tensor,
        labels: Tensor,
        label_weights: Tensor,
        bbox_targets: Tensor,
        bbox_weights: Tensor,
        reduction_override: str | None = None,
    ) -> dict:
        """Compute the losses; arguments as in the parent.

        Returns:
            dict[str, Tensor]: As in the parent; ``loss_cls`` is always included.
        """
        losses = {}
        if cls_score is not None:
            cls_score = cls_score.float()
            loss_cls = self.loss_cls(
                cls_score,
                labels,
                label_weights,
                avg_factor=(label_weights > 0)
                .sum()
                .clamp(min=min(len(labels), 1))
                .float(),
                reduction_override=reduction_override,
            )
            losses.update(
                loss_cls if isinstance(loss_cls, dict) else dict(loss_cls=loss_cls)
            )
            if len(cls_score):
                losses.update(
                    self.loss_cls.get_accuracy(cls_score, labels)
                    if self.custom_activation
                    else dict(acc=accuracy(cls_score, labels))
                )
        if bbox_pred is not None:
            # for each RoI on an object, the box of its class
            rows = ((labels >= 0) & (labels < self.num_classes)).nonzero()[:, 0]
            if not self.reg_class_agnostic:
                bbox_pred = bbox_pred.unflatten(1, (self.num_classes, -1))[
                    rows, labels[rows]
                ]
            else:
                bbox_pred = bbox_pred[rows]
            bbox_pred = bbox_pred.float()
            if self.reg_decoded_bbox:
                bbox_pred = get_box_tensor(
                    self.bbox_coder.decode(rois[rows, 1:], bbox_pred)
                )
            losses['loss_bbox'] = self.loss_bbox(
                bbox_pred,
                bbox_targets[rows],
                bbox_weights[rows],
                avg_factor=max(len(labels), 1),
                reduction_override=reduction_override,
            )
        return losses
