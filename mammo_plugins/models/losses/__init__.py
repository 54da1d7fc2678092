"""Losses."""

from .blending_loss import (
    BackgroundLoss,
    SeamlessBlendingLoss,
    image_gradient,
    lesion_gradient,
)
from .multi_task_loss import FixedWeightLoss, UncertaintyWeightedLoss
from .pixel_focal_loss import PixelFocalLoss
from .robust_focal_loss import RobustFocalLoss
from .roi_focal_loss import RoIFocalLoss

__all__ = [
    'BackgroundLoss',
    'FixedWeightLoss',
    'PixelFocalLoss',
    'RoIFocalLoss',
    'RobustFocalLoss',
    'SeamlessBlendingLoss',
    'UncertaintyWeightedLoss',
    'image_gradient',
    'lesion_gradient',
]
