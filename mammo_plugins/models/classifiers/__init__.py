"""Classifiers of images and patches."""
from .malignancy_classifier import MalignancyClassifier

__all__ = ['MalignancyClassifier']
