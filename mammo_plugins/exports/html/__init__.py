"""Predictions and test results as one HTML page."""

from .page import PageOptions, write_page
from .test_results import TestResults

__all__ = ['PageOptions', 'TestResults', 'write_page']
