"""Batching and normalization."""

from .breast_data_preprocessor import BreastDataPreprocessor
from .mammogram_data_preprocessor import MammogramDataPreprocessor
from .multi_view_data_preprocessor import MultiViewDataPreprocessor

__all__ = [
    'BreastDataPreprocessor',
    'MammogramDataPreprocessor',
    'MultiViewDataPreprocessor',
]
