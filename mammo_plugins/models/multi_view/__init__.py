"""Shared code of multi-view models: batches, normalization, modes and stages."""

from .images import own_image, own_shape, view_key
from .model import ModeSwitch, MultiViewModel
from .normalization import GreyNormalization
from .staged_model import StagedModel
from .view_batch import ViewBatch, ViewMask

__all__ = [
    'GreyNormalization',
    'ModeSwitch',
    'MultiViewModel',
    'StagedModel',
    'ViewBatch',
    'ViewMask',
    'own_image',
    'own_shape',
    'view_key',
]
