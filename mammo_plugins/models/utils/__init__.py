"""Functions that several models use."""
from .grad_cam import grad_cam
from .held import evaluating, held_call
from .patches import crop_patches
from .probability_map import (boxes_to_probability_map, instances_from_map,
                              map_to_boxes)
from .receptive_field import receptive_field
from .views import having, own_image, own_shape, view_key, view_samples

__all__ = [
    'boxes_to_probability_map', 'crop_patches', 'evaluating', 'grad_cam', 'having',
    'held_call', 'instances_from_map', 'map_to_boxes', 'own_image', 'own_shape',
    'receptive_field', 'view_key', 'view_samples'
]
