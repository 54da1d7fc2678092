"""Keypoint branch of Mask R-CNN."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.utils import OptMultiConfig
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor
from torchvision.models.detection.keypoint_rcnn import (
    KeypointRCNNHeads,
    KeypointRCNNPredictor,
)
from torchvision.models.detection.roi_heads import (
    keypointrcnn_inference,
    keypointrcnn_loss,
)

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class KeypointRCNNHead(BaseModule):
    """Head for heat maps of keypoints in RoIs.

    Layers, targets, loss and decoding are torchvision's: 3 x 3 convolutions, a
    deconvolution and bilinear upsampling, so that a heat map has four times the height
    and width of its RoI features, and cross entropy over the positions of a heat map
    (He et al., Mask R-CNN, section 5).

    Args:
        in_channels (int): Channels of the RoI features. Defaults to 256.
        num_convs (int): Number of convolutions. Defaults to 8.
        conv_out_channels (int): Channels of each. Defaults to 512.
        num_keypoints (int): Keypoints per instance. Defaults to 1.
        loss_weight (float): Weight of the loss. Defaults to 1.
        init_cfg (dict, optional): Defaults to ``None``, torchvision's initialization.
    """

    def __init__(
        self,
        in_channels: int = 256,
        num_convs: int = 8,
        conv_out_channels: int = 512,
        num_keypoints: int = 1,
        loss_weight: float = 1.0,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.num_keypoints = num_keypoints
        self.loss_weight = loss_weight
        self.convs = KeypointRCNNHeads(in_channels, [conv_out_channels] * num_convs)
        self.predictor = KeypointRCNNPredictor(
            conv_out_channels if num_convs else in_channels, num_keypoints
        )

    def forward(self, feats: Tensor) -> Tensor:
        """Return heat maps.

        Args:
            feats (Tensor): RoI features, (n, in_channels, s, s).

        Returns:
            Tensor: Logits, (n, num_keypoints, 4 s, 4 s).
        """
        return self.predictor(self.convs(feats))

    def loss(
        self,
        heatmaps: Tensor,
        sampling_results: list[SamplingResult],
        batch_gt_instances: Sequence[InstanceData],
    ) -> Tensor:
        """Return the cross entropy over positions.

        Keypoints outside their RoI are left out.

        Args:
            heatmaps (Tensor): Heat maps of the positive RoIs of all images, in order.
            sampling_results (list[SamplingResult]): One per image.
            batch_gt_instances (Sequence[InstanceData]): With ``keypoints``
                (n, num_keypoints, 2), (x, y) in pixels of the input.

        Returns:
            Tensor: A scalar; zero if there are no keypoints.
        """
        # torchvision's third value states whether a keypoint is visible
        keypoints = [
            F.pad(gt.keypoints, (0, 1), value=1.0) for gt in batch_gt_instances
        ]
        return self.loss_weight * keypointrcnn_loss(
            heatmaps.float(),
            [res.pos_priors for res in sampling_results],
            keypoints,
            [res.pos_assigned_gt_inds for res in sampling_results],
        )

    def predict(
        self, heatmaps: Tensor, boxes: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the maxima of heat maps as points.

        Args:
            heatmaps (Tensor): Heat maps of the RoIs of all images, in order.
            boxes (Sequence[Tensor]): RoIs of each image, (n, 4).

        Returns:
            tuple: By image, keypoints (n, num_keypoints, 2) as (x, y), and the
            logits there (n, num_keypoints).
        """
        points, scores = keypointrcnn_inference(heatmaps.float(), list(boxes))
        return [p[..., :2] for p in points], scores
