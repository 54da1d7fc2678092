"""RoI head that assigns and samples in all images at once."""

from typing import NamedTuple

import torch
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.roi_heads.bbox_heads import BBoxHead
from mmdet.models.task_modules import RandomSampler
from mmdet.models.utils import unpack_gt_instances
from mmdet.structures import SampleList
from mmdet.utils import InstanceList
from torch import Tensor

from mammo_plugins.models.task_modules import IgnoringMaxIoUAssigner, sample_batch
from mammo_plugins.models.utils import pad_boxes, pad_ignored, pad_rows
from mammo_plugins.registry import MODELS


class SampledRoIs(NamedTuple):
    """K RoIs for training, image by image, with positive ones first.

    Attributes:
        rois (Tensor): (K, 5), index of the image and (x1, y1, x2, y2).
        labels (Tensor): (K, ) int64; the number of classes stands for background.
        label_weights (Tensor): (K, ).
        bbox_targets (Tensor): (K, 4), 0 for background.
        bbox_weights (Tensor): (K, 4), 1, or 0 for background.
    """

    rois: Tensor
    labels: Tensor
    label_weights: Tensor
    bbox_targets: Tensor
    bbox_weights: Tensor


@MODELS.register_module()
class BatchedRoIHead(StandardRoIHead):
    """mmdet's ``StandardRoIHead`` without loops over images in training.

    Proposals of all images are assigned and sampled at once, on the device. mmdet loops
    over the images and waits for the device several times in each. This requires an
    :class:`IgnoringMaxIoUAssigner`, a ``RandomSampler``, no masks, and a box head with
    the targets of mmdet's ``BBoxHead``. With any other setting, the head uses mmdet's
    code.

    RoI features are extracted in float32, because coordinates above 2048 are rounded to
    even numbers in half precision, and to multiples of 16 in bfloat16.

    Args:
        *args: As in :class:`mmdet.models.StandardRoIHead`.
        **kwargs: As in :class:`mmdet.models.StandardRoIHead`.
    """

    @property
    def batched(self) -> bool:
        """bool: Whether training processes all images at once."""
        return (
            self.with_bbox
            and not self.with_mask
            and type(self.bbox_assigner) is IgnoringMaxIoUAssigner
            and self.bbox_assigner.takes_batches
            and type(self.bbox_sampler) is RandomSampler
            and all(
                getattr(type(self.bbox_head), name) is getattr(BBoxHead, name)
                for name in ('loss_and_target', 'get_targets', '_get_targets_single')
            )
        )

    def loss(
        self,
        x: tuple[Tensor],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
    ) -> dict:
        """Compute the losses; arguments as in the parent.

        Returns:
            dict[str, Tensor]: As in the parent.
        """
        if not self.batched:
            return super().loss(x, rpn_results_list, batch_data_samples)
        gt_instances, ignored, _ = unpack_gt_instances(batch_data_samples)
        sampled = self.sample(rpn_results_list, gt_instances, ignored)
        results = self._bbox_forward(x, sampled.rois)
        return self.bbox_head.loss(results['cls_score'], results['bbox_pred'], *sampled)

    @torch.no_grad()
    def sample(
        self, proposals: InstanceList, gt_instances: InstanceList, ignored: InstanceList
    ) -> SampledRoIs:
        """Sample the RoIs for training.

        Args:
            proposals (list[InstanceData]): With ``bboxes`` (n, 4), for each image.
            gt_instances (list[InstanceData]): With ``bboxes`` and ``labels``.
            ignored (list[InstanceData]): With ``bboxes``, or ``None``.

        Returns:
            SampledRoIs: Sampled by the settings in ``train_cfg``.
        """
        gt_boxes, is_gt = pad_boxes(gt_instances)
        gt_labels, _ = pad_rows([gt.labels for gt in gt_instances])
        boxes, is_box = pad_boxes(proposals)
        gt_inds = self.bbox_assigner.assign_batch(
            boxes, gt_boxes, is_gt, *pad_ignored(ignored), is_box
        )
        if self.bbox_sampler.add_gt_as_proposals:
            boxes = torch.cat([gt_boxes, boxes], dim=1)
            own = torch.arange(1, gt_boxes.size(1) + 1, device=boxes.device)
            gt_inds = torch.cat([torch.where(is_gt, own, -1), gt_inds], dim=1)
        columns, chosen = sample_batch(self.bbox_sampler, gt_inds)
        gt_inds = gt_inds.gather(1, columns)

        images, places = chosen.nonzero(as_tuple=True)
        boxes = boxes[images, columns[images, places]]
        gt_inds = gt_inds[images, places]
        positive = gt_inds > 0
        closest = (gt_inds - 1).clamp_(min=0)
        head, weight = self.bbox_head, self.train_cfg.pos_weight
        targets = gt_boxes[images, closest]
        if not head.reg_decoded_bbox:
            targets = head.bbox_coder.encode(boxes, targets)
        return SampledRoIs(
            torch.cat([images[:, None].to(boxes), boxes], dim=1),
            torch.where(positive, gt_labels[images, closest], head.num_classes),
            torch.where(positive, weight if weight > 0 else 1.0, 1.0),
            targets.where(positive[:, None], 0),
            positive[:, None].float().expand_as(targets),
        )

    def _roi_feats(self, x: tuple[Tensor], rois: Tensor) -> Tensor:
        levels = x[: self.bbox_roi_extractor.num_inputs]
        feats = self.bbox_roi_extractor([level.float() for level in levels], rois)
        feats = feats.to(levels[0].dtype)
        return self.shared_head(feats) if self.with_shared_head else feats

    def _bbox_forward(self, x: tuple[Tensor], rois: Tensor) -> dict:
        """Run the box head; as in the parent."""
        feats = self._roi_feats(x, rois)
        cls_score, bbox_pred = self.bbox_head(feats)
        return dict(cls_score=cls_score, bbox_pred=bbox_pred, bbox_feats=feats)
