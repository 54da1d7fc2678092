"""Datasets of exams and the transforms of their pipelines."""
from .blending_dataset import BlendingDataset
from .exam_dataset import ExamDataset
from .patch_dataset import PatchDataset
from .pixel_cache import PixelCache
from .samplers import ClassBalancedSampler
from .transforms import LoadMammogram

__all__ = ['BlendingDataset', 'ClassBalancedSampler', 'ExamDataset', 'LoadMammogram',
           'PatchDataset', 'PixelCache']
