"""Backbones."""

from .conv_embedding import ConvEmbedding
from .hrnet import NarrowStemHRNet
from .lora_model import CompleteLoRAModel
from .siamese_hrnet import SiameseHRNet
from .siamese_resnet import SiameseResNet
from .unet import UNet

__all__ = [
    'CompleteLoRAModel',
    'ConvEmbedding',
    'NarrowStemHRNet',
    'SiameseHRNet',
    'SiameseResNet',
    'UNet',
]
