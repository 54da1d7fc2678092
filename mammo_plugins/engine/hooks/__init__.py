"""Hooks."""
from .checkpoint_check_hook import CheckpointCheckHook
from .evaluation_output_hook import EvaluationOutputHook
from .plain_keys_hook import PlainKeysHook
from .random_state_hook import RandomStateHook

__all__ = [
    'CheckpointCheckHook', 'EvaluationOutputHook', 'PlainKeysHook', 'RandomStateHook'
]
