"""Classifiers of images, patches, breasts and pairs of breasts."""

from .asymmetry_classifier import AsymmetryClassifier, PairFeatures
from .dis_asym_net import (
    DisAsymNet,
    TwoObjectives,
    TwoObjectivesDistributedDataParallel,
)
from .divf_net import DIVFNet
from .malignancy_classifier import MalignancyClassifier
from .nafv_net import NaFVNet

__all__ = [
    'AsymmetryClassifier',
    'DIVFNet',
    'DisAsymNet',
    'MalignancyClassifier',
    'NaFVNet',
    'PairFeatures',
    'TwoObjectives',
    'TwoObjectivesDistributedDataParallel',
]
