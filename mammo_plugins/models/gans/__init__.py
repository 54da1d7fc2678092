"""Generative adversarial networks."""
from .blending_gan import BlendingGAN
from .patch_discriminator import PatchDiscriminator
from .unet_generator import UNetGenerator

__all__ = ['BlendingGAN', 'PatchDiscriminator', 'UNetGenerator']
