"""Registered transforms; thin wrappers over anatomy/ and io/."""
from .formatting import PackExamInputs
from .geometric import ResizeWithin
from .intensity import RandomIntensity
from .lesion_map import DrawLesionMap
from .loading import LoadMammogram, segmentation_to_canonical
from .nipple import NippleInstances, PackNippleInputs
from .patches import CropPatch, RandomCropPatch, warp_patch
from .views import ForEachView, SelectView

__all__ = [
    'CropPatch', 'DrawLesionMap', 'ForEachView', 'LoadMammogram', 'NippleInstances',
    'PackExamInputs', 'PackNippleInputs', 'RandomCropPatch', 'RandomIntensity',
    'ResizeWithin', 'SelectView', 'segmentation_to_canonical', 'warp_patch'
]
