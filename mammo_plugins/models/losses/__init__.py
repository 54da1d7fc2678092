"""Losses."""
from .multi_task_loss import FixedWeightLoss, UncertaintyWeightedLoss
from .pixel_focal_loss import PixelFocalLoss
from .roi_focal_loss import RoIFocalLoss

__all__ = [
    'FixedWeightLoss', 'PixelFocalLoss', 'RoIFocalLoss',
    'UncertaintyWeightedLoss'
]
