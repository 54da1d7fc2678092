"""Datasets of exams and the transforms of their pipelines."""
from . import transforms  # noqa: F401
from .exam_dataset import ExamDataset
from .pixel_cache import PixelCache

__all__ = ['ExamDataset', 'PixelCache']
