"""Registered metrics."""

from .froc_metric import FROCMetric
from .named_evaluator import NamedEvaluator, metrics_of
from .nipple_metric import NippleMetric
from .reconstruction_metric import ReconstructionMetric
from .roc_metric import MalignancyMetric, ROCMetric, ViewROCMetric
from .segmentation_metric import SegmentationMetric
from .weak_localization_metric import WeakLocalizationMetric

__all__ = [
    'FROCMetric',
    'MalignancyMetric',
    'NamedEvaluator',
    'NippleMetric',
    'ROCMetric',
    'ReconstructionMetric',
    'SegmentationMetric',
    'ViewROCMetric',
    'WeakLocalizationMetric',
    'metrics_of',
]
