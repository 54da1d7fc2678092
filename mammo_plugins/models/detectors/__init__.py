"""Detectors."""
from .nipple_detector import NippleDetector

__all__ = ['NippleDetector']
