"""Detectors."""

from .ipsi_dual_net import EncodedView, IpsiDualNet
from .mommi_net import MommiNet
from .nipple_detector import NippleDetector

__all__ = ['EncodedView', 'IpsiDualNet', 'MommiNet', 'NippleDetector']
