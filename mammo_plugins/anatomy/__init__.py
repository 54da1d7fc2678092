"""Breast mask, skin line, nipple, canonical frame, registration; no torch."""
from .breast_contour import find_skin_line, skin_line
from .breast_mask import breast_bbox, breast_mask, breast_side
from .canonical_frame import (SMALLEST_BREAST, CanonicalFrame, transform_boxes,
                              transform_points)
from .nipple import locate_nipple
from .registration import Registration, register_contralateral

__all__ = [
    'SMALLEST_BREAST', 'CanonicalFrame', 'Registration', 'breast_bbox',
    'breast_mask', 'breast_side', 'find_skin_line', 'locate_nipple',
    'register_contralateral', 'skin_line', 'transform_boxes', 'transform_points'
]
