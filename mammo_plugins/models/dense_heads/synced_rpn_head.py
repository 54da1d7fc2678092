"""RPN with batched targets and with losses averaged equally over all processes."""

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
    """Targets of the N anchors of B images.

    Attributes:
        labels (Tensor): (B, N) int64; the number of classes stands for background.
        label_weights (Tensor): (B, N), 0 for anchors that are left out.
        positives (Tensor): (P, ) int64, indices of positive anchors among the B x N.
        bbox_targets (Tensor): (P, 4), targets of the positive anchors.
        avg_factor (Tensor): Divisor of the losses, a scalar.
    """

    labels: Tensor
    label_weights: Tensor
    positives: Tensor
    bbox_targets: Tensor
    avg_factor: Tensor


@MODELS.register_module()
class SyncedRPNHead(RPNHead):
    """RPN with losses divided by the mean count over all processes.

    mmdet divides by the count in the process's own images: without a sampler, as focal
    loss requires, by their number of positive anchors. With one image per process, an
    anchor of a normal image, which counts as having 1 positive, then weighs as much as
    all positives of an image with a mass together. For 60 masses of 50 to 300 pixels,
    at mmdet's anchors and thresholds, there are 2 to 12 positives, 3.6 on average.
    mmdet's count is kept as the lower bound: an image has at least one positive.

    Targets, losses and proposals equal mmdet's. They are computed for all images and
    levels at once and in float32, whereas mmdet loops over images and levels and waits
    for the device in each. This requires an :class:`IgnoringMaxIoUAssigner` and no
    sampler, ``allowed_border`` below 0, a ``DeltaXYWHBBoxCoder``, sigmoid
    classification, and ``nms`` with nothing but an ``iou_threshold``. With any other
    setting, the head uses mmdet's code.
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
        """Compute targets image by image, as in the parent, and average the divisor.

        Returns:
            tuple: As in the parent; the fifth is the divisor, a scalar tensor.
        """
        targets = list(super().get_targets(*args, **kwargs))
        device = targets[0][0].device
        targets[4] = reduce_mean(torch.tensor(float(targets[4]), device=device))
        return tuple(targets)

    def _anchors(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return the anchors of each level; those of the last size are cached."""
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
        # for images of one size, mmdet's data preprocessor makes all anchors valid
        shapes = [meta['pad_shape'][:2] for meta in batch_img_metas]
        covering = [  # for each level and image, rows and columns
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
            anchors (Tensor): (N, 4), anchors of all levels, shared by all images.
            valid (Tensor, optional): (B, N) bool, the anchors to use. ``None`` means
                all.
            batch_gt_instances (list[InstanceData]): With ``bboxes`` and ``labels``.
            batch_gt_instances_ignore (list[InstanceData], optional): With ``bboxes``
                to be ignored.

        Returns:
            AnchorTargets: The targets, equal to mmdet's.
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
            dict[str, list[Tensor]]: ``loss_rpn_cls`` and ``loss_rpn_bbox``, each with
            one tensor, the sum of the parent's.
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
