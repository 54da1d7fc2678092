"""Joint predictions of several models and of flipped images, as in mmdet."""

from .ensemble_model import EnsembleModel

__all__ = ['EnsembleModel']
