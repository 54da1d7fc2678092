"""Assigner that leaves out ignored regions in all images."""

import torch
from mmdet.models.task_modules import AssignResult, MaxIoUAssigner
from mmengine.structures import InstanceData
from torch import Tensor

from mammo_plugins.registry import TASK_UTILS


@TASK_UTILS.register_module()
class IgnoringMaxIoUAssigner(MaxIoUAssigner):
    """mmdet's ``MaxIoUAssigner`` with ignored regions in normal images, too.

    In an image without ground truth, the parent treats every box as background,
    including those in regions to ignore (``ExamDataset.ignored_classes``, COCO's
    ``iscrowd``).

    Args:
        **kwargs: As in mmdet.
    """

    def assign(
        self,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        gt_instances_ignore: InstanceData | None = None,
        **kwargs,
    ) -> AssignResult:
        """Assign; arguments as in the parent.

        Returns:
            AssignResult: ``gt_inds`` is -1 for boxes that lie in a region to ignore by
            more than ``ignore_iof_thr``.
        """
        result = super().assign(
            pred_instances, gt_instances, gt_instances_ignore, **kwargs
        )
        priors = pred_instances.priors
        if (
            len(gt_instances)
            or self.ignore_iof_thr <= 0
            or not len(priors)
            or gt_instances_ignore is None
            or not len(gt_instances_ignore)
        ):
            return result
        ignored = gt_instances_ignore.bboxes
        if self.ignore_wrt_candidates:
            shares = self.iou_calculator(priors, ignored, mode='iof').amax(dim=1)
        else:
            shares = self.iou_calculator(ignored, priors, mode='iof').amax(dim=0)
        result.gt_inds[shares > self.ignore_iof_thr] = -1
        return result

    @property
    def takes_batches(self) -> bool:
        """bool: Whether :meth:`assign_batch` supports all settings."""
        return self.gpu_assign_thr <= 0 and self.perm_repeat_gt_cfg is None

    @torch.no_grad()
    def assign_batch(
        self,
        priors: Tensor,
        gt_bboxes: Tensor,
        is_gt: Tensor,
        ignored: Tensor | None = None,
        is_ignored: Tensor | None = None,
        valid: Tensor | None = None,
    ) -> Tensor:
        """Assign boxes in all images of a batch, without waiting for the device.

        Args:
            priors (Tensor): (N, 4), the same for every image, or (B, N, 4), float32.
            gt_bboxes (Tensor): (B, G, 4), G > 0, padded to the largest number per
                image.
            is_gt (Tensor): (B, G) bool, False for padding.
            ignored (Tensor, optional): (B, I, 4) regions to ignore, padded.
            is_ignored (Tensor, optional): (B, I) bool, False for padding.
            valid (Tensor, optional): (B, N) bool, the priors to use. Defaults to all.

        Returns:
            Tensor: (B, N) int64, as ``gt_inds`` of :meth:`assign`: 1 or more for a
            ground truth, 0 for background, -1 for neither or not valid.
        """
        # coordinates contiguous in memory: overlaps are then several times faster
        priors = priors.mT.contiguous().mT.expand(len(gt_bboxes), -1, -1)
        left_out = self._left_out(priors, ignored, is_ignored)
        if valid is not None:
            left_out = left_out | ~valid
        # lower than any overlap, so that no prior is closest to padding
        overlaps = (
            self.iou_calculator(gt_bboxes, priors)
            .masked_fill_(~is_gt[..., None], -2)
            .masked_fill_(left_out[:, None], -1)
        )

        best, nearest = overlaps.max(dim=1)
        background = torch.zeros_like(left_out)
        if isinstance(self.neg_iou_thr, float):
            background = (best >= 0) & (best < self.neg_iou_thr)
        elif isinstance(self.neg_iou_thr, tuple):
            background = (best >= self.neg_iou_thr[0]) & (best < self.neg_iou_thr[1])
        gt_inds = torch.where(
            best >= self.pos_iou_thr, nearest + 1, torch.where(background, 0, -1)
        )
        if self.match_low_quality:
            matched = self._low_quality(overlaps, is_gt)
            gt_inds = torch.where(matched > 0, matched, gt_inds)
        gt_inds = gt_inds.masked_fill_(~is_gt.any(dim=1, keepdim=True), 0)
        return gt_inds.masked_fill_(left_out, -1)

    def _left_out(
        self, priors: Tensor, ignored: Tensor | None, is_ignored: Tensor | None
    ) -> Tensor:
        """Return which priors lie in regions to ignore, (B, N) bool."""
        if self.ignore_iof_thr <= 0 or ignored is None:
            return priors.new_zeros(priors.shape[:2], dtype=torch.bool)
        if self.ignore_wrt_candidates:
            shares = self.iou_calculator(priors, ignored, mode='iof').mT
        else:
            shares = self.iou_calculator(ignored, priors, mode='iof')
        shares = shares.masked_fill(~is_ignored[..., None], 0)
        return shares.amax(dim=1) > self.ignore_iof_thr

    def _low_quality(self, overlaps: Tensor, is_gt: Tensor) -> Tensor:
        """Return the last ground truth a prior is best for, (B, N); 0 for none."""
        best, nearest = overlaps.max(dim=2, keepdim=True)
        numbers = torch.arange(overlaps.size(2), device=overlaps.device)
        matches = overlaps == best if self.gt_max_assign_all else numbers == nearest
        matches &= (best >= self.min_pos_iou) & is_gt[..., None]
        own = torch.arange(1, overlaps.size(1) + 1, device=overlaps.device)
        return (matches * own[:, None]).amax(dim=1)
