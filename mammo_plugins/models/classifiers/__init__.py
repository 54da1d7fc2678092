"""Classifiers of images and patches."""
from .divf_net import DIVFNet
from .malignancy_classifier import MalignancyClassifier

__all__ = ['DIVFNet', 'MalignancyClassifier']
