"""Functions shared by several models."""

from .connected_parts import connected_parts, largest_parts, parts_of
from .frozen import evaluating, frozen_call
from .grad_cam import grad_cam
from .grouped_nms import grouped_nms
from .lesion_enrichment import (
    contralateral_fusion,
    moved_lesions,
    position_mask,
    remapped,
)
from .over_processes import mean_over_processes
from .padded import pad_boxes, pad_ignored, pad_rows, to_device
from .patches import crop_patches
from .probability_map import boxes_to_probability_map, instances_from_map, map_to_boxes
from .receptive_field import receptive_field
from .registered_places import registered_places, warp_features

__all__ = [
    'boxes_to_probability_map',
    'connected_parts',
    'contralateral_fusion',
    'crop_patches',
    'evaluating',
    'grad_cam',
    'grouped_nms',
    'frozen_call',
    'instances_from_map',
    'largest_parts',
    'map_to_boxes',
    'mean_over_processes',
    'moved_lesions',
    'pad_boxes',
    'pad_ignored',
    'pad_rows',
    'parts_of',
    'position_mask',
    'receptive_field',
    'registered_places',
    'remapped',
    'to_device',
    'warp_features',
]
