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

    It is trained on single views whose ``gt_instances`` hold a box around the
    nipple and its ``keypoints`` (1, 1, 2), as ``NippleInstances`` makes them, and
    tested like any detector. :meth:`locate` serves other models.

    ``test_cfg.rcnn.score_thr`` decides below which score there is no nipple.

    Args:
        input_height (int): Size at which the detector works: :meth:`locate`
            shrinks an image to fit a square of this side, as
            ``ResizeWithin(input_height, input_height)`` must do in the pipelines.
            Defaults to 800.
        **kwargs: As in :class:`mmdet.models.FasterRCNN`, the ``roi_head`` a
            :class:`KeypointRoIHead`.
    """

    # what its boxes are of, whatever the classes of the data
    own_classes = ('nipple',)

    def __init__(self, *args, input_height: int = 800, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.input_height = input_height

    def loss(self, batch_inputs: Tensor, batch_data_samples: SampleList) -> dict:
        """Return the losses of boxes and keypoints.

        Args:
            batch_inputs (Tensor): (N, C, H, W), normalised.
            batch_data_samples (list[DetDataSample]): With ``gt_instances``.

        Returns:
            dict[str, Tensor]: By name.

        Raises:
            ValueError: If an image has no nipple: every breast has one, so it must
                not count as a negative.
        """
        for sample in batch_data_samples:
            if not len(sample.gt_instances.get('keypoints', ())):
                raise ValueError(
                    f'{sample.get("img_path", "a sample")}: no nipple to learn '
                    'from; leave such images out with ExamDataset(filter_cfg='
                    "dict(nipple_sources=['annotation'])) and put NippleInstances "
                    'and PackNippleInputs at the end of the train pipeline'
                )
        return super().loss(batch_inputs, batch_data_samples)

    @torch.no_grad()
    def locate(
        self, image: Tensor, sample: DetDataSample
    ) -> tuple[float, float] | None:
        """Find the nipple in an image of another model.

        Args:
            image (Tensor): (1, C, H, W), normalised as in training, perhaps
                padded at the bottom and on the right.
            sample (DetDataSample): With ``img_shape``, the size without padding.

        Returns:
            tuple[float] or None: (x, y) in pixels of ``image``; ``None`` if no box
            reaches the score.
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
        """Pad as the data preprocessor does, which the other model replaced."""
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
