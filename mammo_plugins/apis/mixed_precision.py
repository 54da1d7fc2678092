"""Training with automatic mixed precision."""
import torch
from mmengine.config import Config

from .config_loading import ConfigError


def enable_amp(cfg: Config) -> None:
    """Train with automatic mixed precision.

    Raises:
        ConfigError: If there is no accelerator, which MMEngine's needs.
    """
    if not torch.cuda.is_available():
        raise ConfigError('--amp: mixed precision needs a GPU and there is none '
                          'here; train without it')
    stages = cfg.train_cfg.get('stages') or {}
    own = [stage.optim_wrapper for stage in stages.values()
           if stage.get('optim_wrapper')]
    for wrapper in [cfg.optim_wrapper, *own]:
        # several optimisers, each of a part of the model
        parts = [part for part in wrapper.values()
                 if isinstance(part, dict) and 'optimizer' in part]
        for each in parts or [wrapper]:
            each.type = 'AmpOptimWrapper'
            each.loss_scale = 'dynamic'
