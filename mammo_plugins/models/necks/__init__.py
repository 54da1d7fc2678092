"""What stands between backbone and heads."""
from .asymmetric_transformer import (AsymmetricTransformer,
                                     AsymmetricTransformerBlock, sine_positions)

__all__ = [
    'AsymmetricTransformer', 'AsymmetricTransformerBlock', 'sine_positions'
]
