"""Registered metrics."""

from .froc_metric import FROCMetric
from .malignancy_metric import MalignancyMetric
from .named_evaluator import NamedEvaluator, metrics_of
from .nipple_metric import NippleMetric
from .reconstruction_metric import ReconstructionMetric
from .roc_metric import ROCMetric
from .segmentation_metric import SegmentationMetric
from .view_roc_metric import ViewROCMetric
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
