"""Registered transforms; thin wrappers over anatomy/ and io/."""
from .geometric import ResizeWithin
from .intensity import RandomIntensity
from .loading import LoadMammogram, segmentation_to_canonical
from .views import ForEachView, SelectView

__all__ = [
    'ForEachView', 'LoadMammogram', 'RandomIntensity', 'ResizeWithin',
    'SelectView', 'segmentation_to_canonical'
]
