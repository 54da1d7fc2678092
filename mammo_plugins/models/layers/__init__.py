"""Layers."""
from .ivf_block import IVFBlock
from .relation_block import (IpsilateralRelationBlock, embed_geometry,
                             length_factors, nipple_geometry,
                             shape_location_geometry)

__all__ = [
    'IVFBlock', 'IpsilateralRelationBlock', 'embed_geometry', 'length_factors',
    'nipple_geometry', 'shape_location_geometry'
]
