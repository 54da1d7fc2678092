"""Loops."""

from .staged_train_loop import StagedTrainLoop
from .stages import Stage, StageError, stages_of

__all__ = ['Stage', 'StageError', 'StagedTrainLoop', 'stages_of']
