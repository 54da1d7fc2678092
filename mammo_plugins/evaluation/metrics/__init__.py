"""Registered metrics."""
from .froc_metric import FROCMetric
from .nipple_metric import NippleMetric
from .roc_metric import MalignancyMetric, ROCMetric

__all__ = ['FROCMetric', 'MalignancyMetric', 'NippleMetric', 'ROCMetric']
