"""Assigners and samplers."""

from .batch_random_sampling import sample_batch
from .ignoring_max_iou_assigner import IgnoringMaxIoUAssigner

__all__ = ['IgnoringMaxIoUAssigner', 'sample_batch']
