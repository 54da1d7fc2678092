"""Modules between backbone and heads."""

from .asymmetric_transformer import (
    AsymmetricTransformer,
    AsymmetricTransformerBlock,
    sine_positions,
)
from .four_view_mixer import FourViewMixer

__all__ = [
    'AsymmetricTransformer',
    'AsymmetricTransformerBlock',
    'FourViewMixer',
    'sine_positions',
]
