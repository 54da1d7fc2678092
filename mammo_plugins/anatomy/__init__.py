"""Breast mask, skin line, muscle, nipple, canonical frame, registration; no torch."""

from .breast_contour import BreastContour, find_skin_line, skin_line
from .breast_mask import breast_mask, breast_side, mask_bbox
from .canonical_frame import (
    SMALLEST_BREAST,
    CanonicalFrame,
    opencv_affine,
    transform_boxes,
    transform_points,
)
from .nipple import Nipple, find_nipple, locate_nipple
from .orientation import Turn, straight_ends, turn_of
from .pectoral import PectoralEdge, pectoral_edge
from .registration import Registration, register_contralateral

__all__ = [
    'SMALLEST_BREAST',
    'BreastContour',
    'CanonicalFrame',
    'Nipple',
    'PectoralEdge',
    'Registration',
    'Turn',
    'breast_mask',
    'breast_side',
    'find_nipple',
    'find_skin_line',
    'locate_nipple',
    'mask_bbox',
    'opencv_affine',
    'pectoral_edge',
    'register_contralateral',
    'skin_line',
    'straight_ends',
    'transform_boxes',
    'transform_points',
    'turn_of',
]
