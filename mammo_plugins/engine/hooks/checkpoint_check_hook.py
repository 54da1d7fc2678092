"""Refuse a checkpoint of another model."""
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner

from mammo_plugins.engine.checkpoint import (check_state_dict,
                                             warn_of_later_stages)
from mammo_plugins.engine.work_dir import follow_moved_folder
from mammo_plugins.registry import HOOKS


@HOOKS.register_module()
class CheckpointCheckHook(Hook):
    """Compare a checkpoint with the model before anything runs.

    MMEngine only warns of keys that differ and goes on with random weights. When
    testing or resuming, this hook raises instead. Training from ``load_from``
    stays lenient, since fine-tuning replaces heads. A test of weights from before the
    last stage of their training is warned of. A training whose work dir was moved
    goes on with the checkpoints that are there.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Raise :class:`CheckpointError` if the weights are not the model's."""
        training = isinstance(runner._train_loop, BaseLoop)
        if training and not runner._resume:  # fine-tuning
            return
        follow_moved_folder(checkpoint, runner.work_dir)
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        name = runner._load_from or f'the latest checkpoint of {runner.work_dir}'
        check_state_dict(model, checkpoint, name)
        if not training:
            warn_of_later_stages(checkpoint, name)
