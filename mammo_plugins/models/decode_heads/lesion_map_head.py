"""Base class of networks that predict a map of lesions."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmdet.structures import DetDataSample
from mmdet.utils import ConfigType, OptMultiConfig
from mmengine.model import BaseModule
from torch import Tensor, nn

from mammo_plugins.registry import MODELS
from mammo_plugins.structures.segmentation import IGNORED


def shrink_lesion_map(lesion_map: Tensor, size: Sequence[int]) -> Tensor:
    """Shrink a map of lesions without losing any.

    A cell is lesion if any of its pixels is, so that lesions smaller than a cell
    survive. Otherwise, it is ignored if any of its pixels is ignored.

    Args:
        lesion_map (Tensor): (N, 1, H, W), 1 in lesions, 255 ignored, 0 elsewhere.
        size (Sequence[int]): (h, w), neither larger than H, W.

    Returns:
        Tensor: (N, 1, h, w) float, the same values.
    """
    lesion = F.adaptive_max_pool2d((lesion_map == 1).float(), size)
    ignored = F.adaptive_max_pool2d((lesion_map == IGNORED).float(), size)
    return torch.where(lesion > 0, lesion, ignored * IGNORED)


class LesionMapHead(BaseModule):
    """Base class of networks with one logit per pixel and a pixel-wise loss.

    A subclass ends in :attr:`conv_logits`, whose bias starts at the logit of a rare
    foreground, as focal loss needs (Lin et al., 2017, section 4.1).

    Args:
        channels (int): Input channels of the last convolution.
        loss_map (dict): Loss between logits and target. Defaults to
            :class:`PixelFocalLoss`.
        init_cfg (dict or list[dict], optional): Defaults to Kaiming, with a prior
            of 0.01 for lesions.
    """

    # the map does not distinguish kinds of lesions: the data may have one class
    num_classes = 1

    def __init__(
        self,
        channels: int,
        loss_map: ConfigType = dict(type='mammo.PixelFocalLoss'),
        init_cfg: OptMultiConfig = None,
    ) -> None:
        if init_cfg is None:
            init_cfg = [
                dict(
                    type='Kaiming',
                    layer='Conv2d',
                    override=dict(
                        type='Normal', name='conv_logits', std=0.01, bias_prob=0.01
                    ),
                ),
                dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm']),
            ]
        super().__init__(init_cfg)
        self.conv_logits = nn.Conv2d(channels, 1, 1)
        self.loss_map = MODELS.build(loss_map)

    def loss_by_logits(
        self, logits: Tensor, data_samples: Sequence[DetDataSample]
    ) -> dict[str, Tensor]:
        """Compare logits with annotated lesions, at the logits' resolution.

        The target is shrunk (:func:`shrink_lesion_map`). Upsampling the logits instead
        would need 16 times the memory, for a contour that is not known that precisely.

        Args:
            logits (Tensor): (N, 1, h, w).
            data_samples (Sequence[DetDataSample]): N samples with ``gt_sem_seg``
                (1, H, W), all of the inputs' size.
        """
        target = torch.stack([s.gt_sem_seg.sem_seg for s in data_samples])
        target = shrink_lesion_map(target, logits.shape[-2:])
        return dict(loss_map=self.loss_map(logits, target))

    @staticmethod
    def probability(logits: Tensor, size: Sequence[int]) -> Tensor:
        """Turn logits into probabilities at the inputs' resolution.

        Args:
            logits (Tensor): (N, 1, h, w).
            size (Sequence[int]): (H, W) of the inputs.

        Returns:
            Tensor: (N, 1, H, W) float32 in [0, 1].
        """
        return F.interpolate(
            logits.float(), size=tuple(size), mode='bilinear', align_corners=False
        ).sigmoid()
