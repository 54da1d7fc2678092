"""Hooks."""
from .checkpoint_check_hook import CheckpointCheckHook
from .evaluation_output_hook import EvaluationOutputHook

__all__ = ['CheckpointCheckHook', 'EvaluationOutputHook']
