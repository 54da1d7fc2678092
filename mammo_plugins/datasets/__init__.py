"""Datasets of exams and the transforms of their pipelines."""

from .blending_dataset import BlendingDataset
from .exam_dataset import ExamDataset
from .patch_dataset import PatchDataset
from .pixel_cache import PixelCache
from .public_data_sets import (
    CBISDDSM,
    CDDCESM,
    CMMD,
    DDSM,
    EMBED,
    RSNA,
    INbreast,
    MiniMIAS,
    Phantom,
    SynthMammograms,
    VinDrMammo,
)
from .samplers import ClassBalancedSampler
from .transforms import LoadMammogram
from .wrappers import NamedConcatDataset, NamedMixDataset

__all__ = [
    'BlendingDataset',
    'CBISDDSM',
    'CDDCESM',
    'CMMD',
    'ClassBalancedSampler',
    'DDSM',
    'EMBED',
    'ExamDataset',
    'INbreast',
    'LoadMammogram',
    'MiniMIAS',
    'NamedConcatDataset',
    'NamedMixDataset',
    'PatchDataset',
    'Phantom',
    'PixelCache',
    'RSNA',
    'SynthMammograms',
    'VinDrMammo',
]
