"""Functions that several models use."""
from .patches import crop_patches
from .views import having, own_image, own_shape, view_key, view_samples

__all__ = [
    'crop_patches', 'having', 'own_image', 'own_shape', 'view_key', 'view_samples'
]
