"""Regions, styles, masks and blending for synthetic lesions; no torch.

Images are (H, W) float in [0, 1]; regions are (x1, y1, x2, y2) in whole pixels.
"""

from .blending import blend, crop, paste
from .fourier import fourier_adapt
from .lesion_insertion import insert_lesions, sample_positions
from .malignancy import synthesize_malignancy
from .poisson import mixed_gradient_blend, poisson_blend
from .region_selection import (
    Region,
    RegionSearch,
    region_sums,
    select_region,
    select_region_by_loop,
    select_region_pair,
)
from .soft_mask import MaskParameters, SoftMask, gaussian_mask, sample_mask_parameters

__all__ = [
    'MaskParameters',
    'Region',
    'RegionSearch',
    'SoftMask',
    'blend',
    'crop',
    'fourier_adapt',
    'gaussian_mask',
    'insert_lesions',
    'mixed_gradient_blend',
    'paste',
    'poisson_blend',
    'region_sums',
    'sample_mask_parameters',
    'sample_positions',
    'select_region',
    'select_region_by_loop',
    'select_region_pair',
    'synthesize_malignancy',
]
