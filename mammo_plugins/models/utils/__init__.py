"""Functions that several models use."""
from .patches import crop_patches
from .probability_map import (boxes_to_probability_map, instances_from_map,
                              map_to_boxes)
from .views import having, own_image, own_shape, view_key, view_samples

__all__ = [
    'boxes_to_probability_map', 'crop_patches', 'having', 'instances_from_map',
    'map_to_boxes', 'own_image', 'own_shape', 'view_key', 'view_samples'
]
