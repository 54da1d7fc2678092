"""Backbones."""
from .siamese_hrnet import SiameseHRNet
from .siamese_resnet import SiameseResNet

__all__ = ['SiameseHRNet', 'SiameseResNet']
