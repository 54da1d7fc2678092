"""Checkpoints of models whose parts are wrapped."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mammo_plugins.engine.checkpoint import own_keys, plain_key
from mammo_plugins.registry import HOOKS


@HOOKS.register_module()
class PlainKeysHook(Hook):
    """Keep the wrappers of a model's parts out of its checkpoints.

    MMEngine unwraps the whole model before it saves, but not the parts that
    ``MMSeparateDistributedDataParallel`` wraps, so that such a checkpoint would fit
    distributed training alone. With this hook it fits any number of processes.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Name the weights as they are without wrappers."""
        checkpoint['state_dict'] = {
            plain_key(key): value for key, value in checkpoint['state_dict'].items()
        }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Name them as the model has them now."""
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        if 'state_dict' in checkpoint:
            checkpoint['state_dict'] = own_keys(model, checkpoint['state_dict'])
