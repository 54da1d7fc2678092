"""Backbones."""
from .conv_embedding import ConvEmbedding
from .hrnet import HRNet
from .lora_model import CompleteLoRAModel
from .siamese_hrnet import SiameseHRNet
from .siamese_resnet import SiameseResNet
from .unet import UNet

__all__ = [
    'CompleteLoRAModel', 'ConvEmbedding', 'HRNet', 'SiameseHRNet', 'SiameseResNet',
    'UNet'
]
