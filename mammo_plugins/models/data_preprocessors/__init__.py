"""Batching and normalisation."""
from .mammogram_data_preprocessor import MammogramDataPreprocessor
from .multi_view_data_preprocessor import MultiViewDataPreprocessor

__all__ = ['MammogramDataPreprocessor', 'MultiViewDataPreprocessor']
