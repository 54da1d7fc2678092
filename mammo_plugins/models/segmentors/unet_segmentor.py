"""Segmentation of each view by itself with U-Net."""

from torch import Tensor

from mammo_plugins.models.backbones.unet import UNet
from mammo_plugins.models.segmentors.exam_segmentor import ExamSegmentor, mass_logits
from mammo_plugins.registry import MODELS


@MODELS.register_module()
class UNetSegmentor(ExamSegmentor):
    """Baseline of NaFV-Net's table 2: U-Net on each view by itself.

    Args:
        in_channels, base_channels, num_levels (int): As in :class:`UNet`.
        **kwargs: As in :class:`ExamSegmentor`.
    """

    def __init__(
        self,
        in_channels: int = 1,
        base_channels: int = 64,
        num_levels: int = 5,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.backbone = UNet(in_channels, base_channels, num_levels)
        self.conv_logits = mass_logits(base_channels)

    def logits(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute logits, as in :meth:`ExamSegmentor.logits`."""
        return (
            self.lined_up(inputs)
            .map(lambda images: self.conv_logits(self.backbone(images)))
            .views
        )
