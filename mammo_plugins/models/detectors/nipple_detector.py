"""The nipple detector."""

import torch
import torch.nn.functional as F
from mmdet.models import FasterRCNN
from mmdet.structures import DetDataSample, SampleList
from torch import Tensor

from mammo_plugins.models.multi_view import GreyNormalization
from mammo_plugins.registry import MODELS


@MODELS.register_module()
class NippleDetector(FasterRCNN):
    """Faster R-CNN with one keypoint, the nipple, as in MommiNet-v2 (section 3.3).

    It is trained on single views whose ``gt_instances`` contain a box around the nipple
    and its ``keypoints`` (1, 1, 2), as created by ``NippleInstances``, and tested like
    any detector. Other models call :meth:`locate`. Below a score of
    ``test_cfg.rcnn.score_thr``, no nipple is reported.

    Args:
        input_height (int): Size of the detector's input. :meth:`locate` shrinks an
            image to fit a square of this side. The pipelines must do the same with
            ``ResizeWithin(input_height, input_height)``. Defaults to 800.
        **kwargs: As in :class:`mmdet.models.FasterRCNN`, with a
            :class:`KeypointRoIHead` as ``roi_head``.
    """

    # the detector's own class, independent of the classes of the data
    own_classes = ('nipple',)

    def __init__(self, *args, input_height: int = 800, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.input_height = input_height

    def loss(self, batch_inputs: Tensor, batch_data_samples: SampleList) -> dict:
        """Return the losses of boxes and keypoints.

        Args:
            batch_inputs (Tensor): (N, C, H, W), normalized.
            batch_data_samples (list[DetDataSample]): With ``gt_instances``.

        Returns:
            dict[str, Tensor]: By name.

        Raises:
            ValueError: If an image has no nipple. Every breast has one, so such an
                image must not count as a negative.
        """
        for sample in batch_data_samples:
            if not len(sample.gt_instances.get('keypoints', ())):
                raise ValueError(
                    f'{sample.get("img_path", "a sample")}: no nipple to learn '
                    'from; exclude such images with '
                    "ExamDataset(filter_cfg=dict(nipple_sources=['annotation'])) "
                    'and put NippleInstances and PackNippleInputs at the end of '
                    'the train pipeline'
                )
        return super().loss(batch_inputs, batch_data_samples)

    @torch.no_grad()
    def locate(
        self, image: Tensor, sample: DetDataSample
    ) -> tuple[float, float] | None:
        """Find the nipple in an image of another model.

        Args:
            image (Tensor): (1, C, H, W), normalized as in training; it may be padded at
                the bottom and on the right.
            sample (DetDataSample): With ``img_shape``, the size without padding.

        Returns:
            tuple[float] or None: (x, y) in pixels of ``image``; ``None`` if no box
            reaches the score threshold.
        """
        height, width = sample.img_shape[:2]
        factor = min(1.0, self.input_height / max(height, width))
        size = (max(1, round(height * factor)), max(1, round(width * factor)))
        small = F.interpolate(image[:, :, :height, :width], size=size, mode='area')
        working = DetDataSample(
            metainfo=dict(
                img_shape=size,
                ori_shape=(height, width),
                scale_factor=(size[1] / width, size[0] / height),
            )
        )
        found = self.predict(self._pad(small), [working])[0].pred_instances
        if not len(found):
            return None
        return tuple(found.keypoints[found.scores.argmax(), 0].tolist())

    def _pad(self, image: Tensor) -> Tensor:
        """Pad like the data preprocessor, which the other model's replaces."""
        divisor = getattr(self.data_preprocessor, 'pad_size_divisor', 1)
        normalization = getattr(
            self.data_preprocessor, 'normalization', GreyNormalization()
        )
        height, width = image.shape[-2:]
        padded = normalization.black.to(image).repeat(
            1, image.size(1), height + -height % divisor, width + -width % divisor
        )
        padded[..., :height, :width] = image
        return padded
