"""Hooks."""
from .checkpoint_check_hook import CheckpointCheckHook
from .evaluation_output_hook import EvaluationOutputHook
from .random_state_hook import RandomStateHook

__all__ = ['CheckpointCheckHook', 'EvaluationOutputHook', 'RandomStateHook']
