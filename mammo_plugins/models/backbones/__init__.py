"""Backbones."""
from .hrnet import HRNet
from .siamese_hrnet import SiameseHRNet
from .siamese_resnet import SiameseResNet

__all__ = ['HRNet', 'SiameseHRNet', 'SiameseResNet']
