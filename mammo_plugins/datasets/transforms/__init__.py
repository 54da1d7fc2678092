"""Registered transforms; thin wrappers over anatomy/ and io/."""
from .formatting import PackExamInputs
from .geometric import ResizeWithin
from .intensity import RandomIntensity
from .lesion_map import DrawLesionMap
from .loading import LoadMammogram, segmentation_to_canonical
from .nipple import NippleInstances, PackNippleInputs
from .views import ForEachView, SelectView

__all__ = [
    'DrawLesionMap', 'ForEachView', 'LoadMammogram', 'NippleInstances',
    'PackExamInputs', 'PackNippleInputs', 'RandomIntensity', 'ResizeWithin',
    'SelectView', 'segmentation_to_canonical'
]
