"""RoI head with boxes and keypoints."""

from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.structures.bbox import bbox2roi, scale_boxes
from mmdet.utils import InstanceList, OptConfigType
from torch import Tensor

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class KeypointRoIHead(StandardRoIHead):
    """RoI head that finds keypoints of each box, like Keypoint R-CNN.

    The keypoint branch replaces mmdet's mask branch. It is trained on the positive RoIs
    and applied to the final boxes.

    Args:
        keypoint_roi_extractor (dict, optional): Config of the extractor of RoI
            features.
        keypoint_head (dict, optional): Config of the head, such as
            :class:`KeypointRCNNHead`.
        **kwargs: As in :class:`mmdet.models.StandardRoIHead`, without masks.
    """

    def __init__(
        self,
        keypoint_roi_extractor: OptConfigType = None,
        keypoint_head: OptConfigType = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.keypoint_head = None
        if keypoint_head is not None:
            self.keypoint_roi_extractor = MODELS.build(keypoint_roi_extractor)
            self.keypoint_head = MODELS.build(keypoint_head)

    @property
    def with_mask(self) -> bool:
        """bool: Whether there is a keypoint branch instead of a mask branch."""
        return self.keypoint_head is not None

    def _mask_forward(self, x: tuple[Tensor], rois: Tensor) -> dict:
        feats = self.keypoint_roi_extractor(
            x[: self.keypoint_roi_extractor.num_inputs], rois
        )
        return dict(mask_preds=self.keypoint_head(feats))

    def mask_loss(
        self,
        x: tuple[Tensor],
        sampling_results: list[SamplingResult],
        bbox_feats: Tensor | None,
        batch_gt_instances: InstanceList,
    ) -> dict:
        """Return the loss of the keypoints in positive RoIs.

        Args:
            x (tuple[Tensor]): Features of all levels.
            sampling_results (list[SamplingResult]): One per image.
            bbox_feats (Tensor, optional): Not used.
            batch_gt_instances (list[InstanceData]): With ``keypoints``.

        Returns:
            dict: ``loss_mask``, a dict with ``loss_keypoint``.
        """
        rois = bbox2roi([res.pos_priors for res in sampling_results])
        heatmaps = self._mask_forward(x, rois)['mask_preds']
        loss = self.keypoint_head.loss(heatmaps, sampling_results, batch_gt_instances)
        return dict(loss_mask=dict(loss_keypoint=loss))

    def predict_mask(
        self,
        x: tuple[Tensor],
        batch_img_metas: list[dict],
        results_list: InstanceList,
        rescale: bool = False,
    ) -> InstanceList:
        """Add keypoints to the detected boxes.

        Args:
            x (tuple[Tensor]): Features of all levels.
            batch_img_metas (list[dict]): Metainfo of each image.
            results_list (list[InstanceData]): With ``bboxes`` (n, 4) in pixels of
                the input.
            rescale (bool): Whether to divide boxes and keypoints by
                ``scale_factor``. Defaults to False.

        Returns:
            list[InstanceData]: With ``keypoints`` (n, num_keypoints, 2) as (x, y)
            and ``keypoint_scores`` (n, num_keypoints), logits of the heat map.
        """
        boxes = [results.bboxes for results in results_list]
        heatmaps = self._mask_forward(x, bbox2roi(boxes))['mask_preds']
        points, scores = self.keypoint_head.predict(heatmaps, boxes)
        for results, meta, xy, logits in zip(
            results_list, batch_img_metas, points, scores
        ):
            if rescale:
                factors = [1 / factor for factor in meta['scale_factor']]
                results.bboxes = scale_boxes(results.bboxes, factors)
                xy = xy * xy.new_tensor(factors)
            results.keypoints = xy
            results.keypoint_scores = logits
        return results_list
