"""Checkpoints of models with wrapped parts."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mammo_plugins.engine.checkpoint import own_keys, plain_key
from mammo_plugins.registry import HOOKS


@HOOKS.register_module()
class PlainKeysHook(Hook):
    """Remove the wrappers of a model's parts from weight names in its checkpoints.

    MMEngine unwraps the whole model before it saves, but not the parts that
    ``MMSeparateDistributedDataParallel`` wraps. Such a checkpoint would only fit
    distributed training. With this hook it fits any number of processes.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Give the weights their names without wrappers."""
        checkpoint['state_dict'] = {
            plain_key(key): value for key, value in checkpoint['state_dict'].items()
        }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Give the weights the names in the current model."""
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        if 'state_dict' in checkpoint:
            checkpoint['state_dict'] = own_keys(model, checkpoint['state_dict'])
