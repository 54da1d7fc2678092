"""Backbones."""
from .hrnet import HRNet
from .siamese_hrnet import SiameseHRNet
from .siamese_resnet import SiameseResNet
from .unet import UNet

__all__ = ['HRNet', 'SiameseHRNet', 'SiameseResNet', 'UNet']
