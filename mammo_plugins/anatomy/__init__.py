"""Breast mask, side and the canonical frame: pure functions on arrays, no torch."""
from .breast_mask import breast_bbox, breast_mask, breast_side
from .canonical_frame import (SMALLEST_BREAST, CanonicalFrame, transform_boxes,
                              transform_points)

__all__ = [
    'SMALLEST_BREAST', 'CanonicalFrame', 'breast_bbox', 'breast_mask',
    'breast_side', 'transform_boxes', 'transform_points'
]
