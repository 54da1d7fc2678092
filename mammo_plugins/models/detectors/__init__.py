"""Detectors."""
from .ipsi_dual_net import EncodedView, IpsiDualNet
from .nipple_detector import NippleDetector

__all__ = ['EncodedView', 'IpsiDualNet', 'NippleDetector']
