"""Assigners."""
from .ignoring_max_iou_assigner import IgnoringMaxIoUAssigner

__all__ = ['IgnoringMaxIoUAssigner']
