"""The RPN that sees all images at once and whose losses count alike in all processes."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmdet.models import RPNHead
from mmdet.models.task_modules import DeltaXYWHBBoxCoder, PseudoSampler
from mmdet.utils import InstanceList, OptInstanceList, reduce_mean
from mmengine.config import ConfigDict
from torch import Tensor

from mammo_plugins.models.task_modules import IgnoringMaxIoUAssigner
from mammo_plugins.models.utils import pad_boxes, pad_ignored, pad_rows, to_device
from mammo_plugins.registry import MODELS

from .batch_proposals import by_image, covers, propose


class AnchorTargets(NamedTuple):
    """What the N anchors of B images are to learn.

    Attributes:
        labels (Tensor): (B, N) of int64; the number of classes is background.
        label_weights (Tensor): (B, N), 0 for anchors that are left out.
        positives (Tensor): (P, ) of int64, rows of the B x N anchors that have a box.
        bbox_targets (Tensor): (P, 4), theirs.
        avg_factor (Tensor): What losses are divided by, a scalar.
    """

    labels: Tensor
    label_weights: Tensor
    positives: Tensor
    bbox_targets: Tensor
    avg_factor: Tensor


@MODELS.register_module()
class SyncedRPNHead(RPNHead):
    """RPN whose losses are divided by the mean number over all processes.

    mmdet divides by what is counted in the process's own images: without a sampler,
    as focal loss wants it, by their positive anchors. With one image a process an
    anchor of a normal image, which counts as having 1 positive, then weighs as much
    as all positives of an image with a mass together. On 60 masses of 50 to 300
    pixels, at mmdet's anchors and thresholds, these are 2 to 12, in the mean 3.6.

    mmdet's count is kept as the floor: an image has at least one positive.

    Targets, losses and proposals are mmdet's, of all images and levels at once and in
    float32, where mmdet goes from image to image and from level to level and waits for
    the device at each. This is so with an :class:`IgnoringMaxIoUAssigner` and no
    sampler, ``allowed_border`` below 0, a ``DeltaXYWHBBoxCoder``, a classification
    by sigmoid and ``nms`` of an ``iou_threshold`` alone. With any other setting the
    head goes mmdet's way.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.batched = (
            self.use_sigmoid_cls
            and type(self.bbox_coder) is DeltaXYWHBBoxCoder
            and not self.bbox_coder.use_box_type
            and not getattr(self.prior_generator, 'use_box_type', False)
        )
        self.batched_targets = bool(
            self.batched
            and self.train_cfg
            and type(self.assigner) is IgnoringMaxIoUAssigner
            and self.assigner.takes_batches
            and type(self.sampler) is PseudoSampler
            and self.train_cfg.get('allowed_border', 0) < 0
        )
        self._last_anchors = (None, [])

    def get_targets(self, *args, **kwargs) -> tuple:
        """Compute targets image by image; as in the parent, the divisor averaged.

        Returns:
            tuple: As in the parent; the fifth is the divisor, a scalar tensor.
        """
        targets = list(super().get_targets(*args, **kwargs))
        device = targets[0][0].device
        targets[4] = reduce_mean(torch.tensor(float(targets[4]), device=device))
        return tuple(targets)

    def _anchors(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return the anchors of each level; those of the last size are kept."""
        sizes = [level.shape[-2:] for level in maps]
        key = (maps[0].device, *sizes)
        if key != self._last_anchors[0]:
            self._last_anchors = (
                key,
                self.prior_generator.grid_priors(sizes, device=maps[0].device),
            )
        return self._last_anchors[1]

    def _valid(
        self, maps: Sequence[Tensor], batch_img_metas: Sequence[dict]
    ) -> Tensor | None:
        """Return which anchors lie in each image and its padding, (B, N) bool."""
        # all of them is what mmdet's data preprocessor makes of images of one size
        shapes = [meta['pad_shape'][:2] for meta in batch_img_metas]
        covering = [  # of each level and image, rows and columns
            [
                (
                    min(-(-height // down), level.size(-2)),
                    min(-(-width // across), level.size(-1)),
                )
                for height, width in shapes
            ]
            for level, (across, down) in zip(maps, self.prior_generator.strides)
        ]
        if all(
            size == level.shape[-2:]
            for level, sizes in zip(maps, covering)
            for size in sizes
        ):
            return None
        counts = to_device(covering, maps[0])[..., None]  # (L, B, 2, 1)
        flags = []
        for level, count, number in zip(
            maps, counts, self.prior_generator.num_base_priors
        ):
            rows, columns = (
                torch.arange(level.size(dim), device=level.device) < count[:, i]
                for i, dim in enumerate((-2, -1))
            )
            inside = rows[:, :, None] & columns[:, None]
            flags.append(inside.flatten(1).repeat_interleave(number, dim=1))
        return torch.cat(flags, dim=1)

    @torch.no_grad()
    def batch_targets(
        self,
        anchors: Tensor,
        valid: Tensor | None,
        batch_gt_instances: InstanceList,
        batch_gt_instances_ignore: OptInstanceList = None,
    ) -> AnchorTargets:
        """Compute the targets of all images at once.

        Args:
            anchors (Tensor): (N, 4) of all levels, of every image.
            valid (Tensor, optional): (B, N) bool, the anchors that take part. ``None``
                stands for all.
            batch_gt_instances (list[InstanceData]): With ``bboxes`` and ``labels``.
            batch_gt_instances_ignore (list[InstanceData], optional): With ``bboxes``
                to be ignored.

        Returns:
            AnchorTargets: The targets, as mmdet's.
        """
        boxes, is_gt = pad_boxes(batch_gt_instances)
        own, _ = pad_rows([gt.labels for gt in batch_gt_instances])
        gt_inds = self.assigner.assign_batch(
            anchors, boxes, is_gt, *pad_ignored(batch_gt_instances_ignore), valid
        )
        positive = gt_inds > 0
        closest = (gt_inds - 1).clamp_(min=0)
        labels = torch.where(positive, own.gather(1, closest), self.num_classes)
        weights = (gt_inds >= 0).float()
        if self.train_cfg['pos_weight'] > 0:
            weights = weights.masked_fill_(positive, self.train_cfg['pos_weight'])
        number = positive.sum(dim=1).clamp(min=1).sum().float()

        rows = positive.flatten().nonzero()[:, 0]
        images, columns = rows // len(anchors), rows % len(anchors)
        targets = boxes[images, closest[images, columns]]
        if not self.reg_decoded_bbox:
            targets = self.bbox_coder.encode(anchors[columns], targets)
        return AnchorTargets(labels, weights, rows, targets, reduce_mean(number))

    def loss_by_feat(
        self,
        cls_scores: list[Tensor],
        bbox_preds: list[Tensor],
        batch_gt_instances: InstanceList,
        batch_img_metas: list[dict],
        batch_gt_instances_ignore: OptInstanceList = None,
    ) -> dict:
        """Compute the losses; arguments as in the parent.

        Returns:
            dict[str, list[Tensor]]: ``loss_rpn_cls`` and ``loss_rpn_bbox``, each of
            one tensor that is the sum of the parent's.
        """
        if not self.batched_targets:
            return super().loss_by_feat(
                cls_scores,
                bbox_preds,
                batch_gt_instances,
                batch_img_metas,
                batch_gt_instances_ignore,
            )
        anchors = torch.cat(self._anchors(cls_scores))
        targets = self.batch_targets(
            anchors,
            self._valid(cls_scores, batch_img_metas),
            batch_gt_instances,
            batch_gt_instances_ignore,
        )
        scores = torch.cat(
            [by_image(level, self.cls_out_channels) for level in cls_scores], dim=1
        )
        loss_cls = self.loss_cls(
            scores.flatten(0, 1).float(),
            targets.labels.flatten(),
            targets.label_weights.flatten(),
            avg_factor=targets.avg_factor,
        )
        boxes = torch.cat([by_image(level, 4) for level in bbox_preds], dim=1)
        boxes = boxes.flatten(0, 1).index_select(0, targets.positives).float()
        if self.reg_decoded_bbox:
            boxes = self.bbox_coder.decode(
                anchors[targets.positives % len(anchors)], boxes
            )
        loss_bbox = self.loss_bbox(
            boxes, targets.bbox_targets, avg_factor=targets.avg_factor
        )
        return dict(loss_rpn_cls=[loss_cls], loss_rpn_bbox=[loss_bbox])

    def predict_by_feat(
        self,
        cls_scores: list[Tensor],
        bbox_preds: list[Tensor],
        score_factors: list[Tensor] | None = None,
        batch_img_metas: list[dict] | None = None,
        cfg: ConfigDict | None = None,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> InstanceList:
        """Propose boxes; arguments as in the parent.

        Returns:
            list[InstanceData]: As in the parent, in float32.
        """
        settings = self.test_cfg if cfg is None else cfg
        if rescale or not with_nms or not self.batched or not covers(settings):
            return super().predict_by_feat(
                cls_scores,
                bbox_preds,
                score_factors,
                batch_img_metas,
                cfg,
                rescale,
                with_nms,
            )
        return propose(
            cls_scores,
            bbox_preds,
            self._anchors(cls_scores),
            [meta['img_shape'] for meta in batch_img_metas],
            self.bbox_coder,
            settings,
        )
