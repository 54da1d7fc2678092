"""Functions that several models use."""
from .grad_cam import grad_cam
from .held import evaluating, held_call
from .patches import crop_patches
from .probability_map import (boxes_to_probability_map, instances_from_map,
                              map_to_boxes)
from .receptive_field import receptive_field

__all__ = [
    'boxes_to_probability_map', 'crop_patches', 'evaluating', 'grad_cam', 'held_call',
    'instances_from_map', 'map_to_boxes', 'receptive_field'
]
