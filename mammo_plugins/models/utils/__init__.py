"""Functions that several models use."""
from .views import having, own_image, own_shape, view_key, view_samples

__all__ = ['having', 'own_image', 'own_shape', 'view_key', 'view_samples']
