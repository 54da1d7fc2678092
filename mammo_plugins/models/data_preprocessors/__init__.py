"""Batching and normalisation."""
from .mammogram_data_preprocessor import MammogramDataPreprocessor

__all__ = ['MammogramDataPreprocessor']
