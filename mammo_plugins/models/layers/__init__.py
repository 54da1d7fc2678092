"""Layers."""

from .asymmetry_gate import AsymmetryEncoder, AsymmetryGate
from .ivf_block import IVFBlock
from .med_blocks import MedConvBlock, MedCrossTransformerBlock, MedTransformerBlock
from .relation_block import (
    IpsilateralRelationBlock,
    embed_geometry,
    length_factors,
    nipple_geometry,
    shape_location_geometry,
)
from .view_transformer import AttentionLayer, ViewTransformer

__all__ = [
    'AsymmetryEncoder',
    'AsymmetryGate',
    'AttentionLayer',
    'IVFBlock',
    'IpsilateralRelationBlock',
    'MedConvBlock',
    'MedCrossTransformerBlock',
    'MedTransformerBlock',
    'ViewTransformer',
    'embed_geometry',
    'length_factors',
    'nipple_geometry',
    'shape_location_geometry',
]
