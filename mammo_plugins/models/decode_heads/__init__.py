"""Heads that turn features into maps and images."""

from .aspp_head import ASPPHead
from .disentangling_decoder import DisentanglingDecoder
from .hrnetv2_head import HRNetV2Head
from .lesion_map_head import LesionMapHead, shrink_lesion_map

__all__ = [
    'ASPPHead',
    'DisentanglingDecoder',
    'HRNetV2Head',
    'LesionMapHead',
    'shrink_lesion_map',
]
