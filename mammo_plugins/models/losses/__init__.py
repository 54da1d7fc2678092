"""Losses."""
from .roi_focal_loss import RoIFocalLoss

__all__ = ['RoIFocalLoss']
