"""Generative adversarial networks."""

from .blending_gan import BlendingGAN
from .patch_discriminator import PatchDiscriminator
from .unet_generator import UNetGenerator
from .vanilla import ImageDiscriminator, NoiseGenerator

__all__ = [
    'BlendingGAN',
    'ImageDiscriminator',
    'NoiseGenerator',
    'PatchDiscriminator',
    'UNetGenerator',
]
