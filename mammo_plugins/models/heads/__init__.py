"""Heads of classifiers."""

from .malignancy_head import MalignancyHead

__all__ = ['MalignancyHead']
