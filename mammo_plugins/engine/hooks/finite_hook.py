"""Stop training if a loss or weight is no longer finite."""

from math import isfinite
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mammo_plugins.engine.checkpoint import CheckpointError, check_finite
from mammo_plugins.registry import HOOKS
from mammo_plugins.structures.multi_view_data_sample import views_of

_CURE = (
    'lower the learning rate, clip gradients (optim_wrapper.clip_grad), or look '
    'at the samples'
)


class DivergenceError(RuntimeError):
    """Training diverged; the message names losses, samples and what to do."""


@HOOKS.register_module()
class FiniteHook(Hook):
    """Stop training at the first loss that is NaN or infinite.

    MMEngine continues, and mmdet's ``CheckInvalidLossHook`` checks only every 50th
    step. This hook checks every step, reports all losses with the samples of the batch,
    and prevents checkpoints with weights that are not finite.
    """

    priority = 'VERY_HIGH'  # before the checkpoint is written

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Raise :class:`DivergenceError` at a loss that is not finite."""
        losses = {
            key: torch.as_tensor(value).detach()
            for key, value in (outputs or {}).items()
            if 'loss' in key
        }
        losses = {
            key: float(value) for key, value in losses.items() if value.numel() == 1
        }
        if all(map(isfinite, losses.values())):
            return
        said = ', '.join(f'{key} {value:.4g}' for key, value in losses.items())
        raise DivergenceError(
            f'the loss is not finite at iteration {runner.iter + 1} (epoch '
            f'{runner.epoch + 1}): {said}; samples of the batch: '
            f'{self._samples(data_batch)}; {_CURE}'
        )

    @staticmethod
    def _samples(data_batch: Any) -> str:
        samples = isinstance(data_batch, dict) and data_batch.get('data_samples')
        names = [
            view.get('img_path', view.get('img_id', '?'))
            for sample in samples or ()
            for view in views_of(sample)
        ]
        more = f' and {len(names) - 16} more' if len(names) > 16 else ''
        return ', '.join(map(str, names[:16])) + more or 'not told'

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Raise :class:`DivergenceError` if the weights are not finite."""
        try:
            check_finite(checkpoint['state_dict'], 'the weights')
        except CheckpointError as error:
            said = str(error).partition(': its training')[0]
            raise DivergenceError(
                f'{said} after iteration {runner.iter + 1} (epoch '
                f'{runner.epoch + 1}), so no checkpoint is written; {_CURE}'
            ) from None
