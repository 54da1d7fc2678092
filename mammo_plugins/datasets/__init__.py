"""Datasets of exams and the transforms of their pipelines."""
from .exam_dataset import ExamDataset
from .patch_dataset import PatchDataset
from .pixel_cache import PixelCache
from .transforms import LoadMammogram

__all__ = ['ExamDataset', 'LoadMammogram', 'PatchDataset', 'PixelCache']
