"""Layers."""
from .relation_block import (IpsilateralRelationBlock, embed_geometry,
                             length_factors, nipple_geometry,
                             shape_location_geometry)

__all__ = [
    'IpsilateralRelationBlock', 'embed_geometry', 'length_factors',
    'nipple_geometry', 'shape_location_geometry'
]
