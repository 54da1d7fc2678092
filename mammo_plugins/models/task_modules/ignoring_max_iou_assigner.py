"""An assigner that leaves regions to be ignored out of every image."""
from typing import Optional

from mmdet.models.task_modules import AssignResult, MaxIoUAssigner
from mmengine.structures import InstanceData

from mammo_plugins.registry import TASK_UTILS


@TASK_UTILS.register_module()
class IgnoringMaxIoUAssigner(MaxIoUAssigner):
    """mmdet's ``MaxIoUAssigner``, which ignores regions in images without a lesion too.

    The parent takes every box of an image without ground truth for background, also
    those in regions to be ignored (``ExamDataset.ignored_classes``, COCO's ``iscrowd``).

    Args:
        **kwargs: As in mmdet.
    """

    def assign(self,
               pred_instances: InstanceData,
               gt_instances: InstanceData,
               gt_instances_ignore: Optional[InstanceData] = None,
               **kwargs) -> AssignResult:
        """Assign; arguments as in the parent.

        Returns:
            AssignResult: ``gt_inds`` is -1 where a box lies in a region to be ignored
            by more than ``ignore_iof_thr``.
        """
        result = super().assign(pred_instances, gt_instances, gt_instances_ignore,
                                **kwargs)
        priors = pred_instances.priors
        if (len(gt_instances) or self.ignore_iof_thr <= 0 or not len(priors)
                or gt_instances_ignore is None or not len(gt_instances_ignore)):
            return result
        ignored = gt_instances_ignore.bboxes
        if self.ignore_wrt_candidates:
            shares = self.iou_calculator(priors, ignored, mode='iof').amax(dim=1)
        else:
            shares = self.iou_calculator(ignored, priors, mode='iof').amax(dim=0)
        result.gt_inds[shares > self.ignore_iof_thr] = -1
        return result
