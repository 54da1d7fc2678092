"""Heads that turn features into a map of lesions."""
from .aspp_head import ASPPHead
from .hrnetv2_head import HRNetV2Head
from .lesion_map_head import LesionMapHead, shrink_lesion_map

__all__ = ['ASPPHead', 'HRNetV2Head', 'LesionMapHead', 'shrink_lesion_map']
