"""Resume with the next random numbers of the interrupted run."""

import random
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mammo_plugins.engine.checkpoint import CheckpointError
from mammo_plugins.registry import HOOKS

_KEY = 'random_state'


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Save the states of random number generators in checkpoints, and restore them.

    With this hook, training in a single process that loads its own data
    (``num_workers=0``) and does not validate in between resumes exactly as if it had
    not been stopped. Data loader workers and other processes of a distributed training
    have their own generators, which restart.
    """

    priority = 'VERY_LOW'

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the states, as tensors and numbers."""
        kind, keys, *place = np.random.get_state()
        version, words, gauss = random.getstate()
        checkpoint[_KEY] = dict(
            torch=torch.get_rng_state(),
            cuda=torch.cuda.get_rng_state_all(),
            numpy=[kind, torch.tensor(keys.astype(np.int64)), *place],
            python=[version, torch.tensor(words), gauss],
        )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restore the states when training is resumed."""
        if runner._resume and _KEY in checkpoint and runner.rank == 0:
            try:
                self._restore(checkpoint[_KEY])
            except Exception as error:  # torch, NumPy and Python each raise their own
                raise CheckpointError(
                    f'{runner._load_from}: {_KEY}: not the states of random '
                    f'number generators ({error}); use an earlier checkpoint'
                ) from None

    @staticmethod
    def _restore(state: dict[str, Any]) -> None:
        torch.set_rng_state(state['torch'])
        if len(state['cuda']) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state['cuda'])
        kind, keys, *place = state['numpy']
        if not 0 <= place[0] <= len(keys):  # NumPy does not check
            raise ValueError(f'position {place[0]} of {len(keys)} words')
        np.random.set_state((kind, keys.numpy().astype(np.uint32), *place))
        version, words, gauss = state['python']
        random.setstate((version, tuple(words.tolist()), gauss))
