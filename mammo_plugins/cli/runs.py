"""From the arguments of a training or a test to its config."""
import argparse
import os
from typing import Optional

import torch
from mmengine.config import Config

from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.engine.checkpoint import refuse_unsafe_checkpoints
from mammo_plugins.engine.distributed import setup_cpu_distributed
from mammo_plugins.engine.pretrained import refuse_unfit_weights
from mammo_plugins.engine.work_dir import default_work_dir, write_whole_checkpoints


def prepare_run(args: argparse.Namespace) -> Config:
    """Make the config of a training or test run from its arguments.

    Args:
        args (Namespace): Of a parser with :func:`add_run_arguments` and a
            ``config``.
    """
    if not args.trust_checkpoint:
        refuse_unsafe_checkpoints()
    refuse_unfit_weights()
    write_whole_checkpoints()
    cfg = load_config(args.config, args.cfg_options)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = default_work_dir(args.config)
    fit_loaders(cfg)
    hooks = cfg.setdefault('default_hooks', {})
    # also for configs that do not inherit our default_runtime.py
    for name, hook in (('checkpoint_check', 'mammo.CheckpointCheckHook'),
                       ('data_summary', 'mammo.DataSummaryHook'),
                       ('finite', 'mammo.FiniteHook'),
                       ('pixel_size', 'mammo.PixelSizeHook'),
                       ('rank_seed', 'mammo.RankSeedHook'),
                       ('sync_buffers', 'mmengine.SyncBuffersHook'),
                       ('unreadable_images', 'mammo.UnreadableImagesHook')):
        if hooks.get(name) is None:
            hooks[name] = dict(type=hook)
    if cfg.launcher == 'pytorch' and 'RANK' not in os.environ:
        raise ConfigError('--launcher pytorch: torchrun did not start this process; '
                          'use tools/dist_train.sh or tools/dist_test.sh')
    if cfg.launcher in ('slurm', 'mpi') and not torch.cuda.is_available():
        raise ConfigError(f'--launcher {cfg.launcher}: there is no GPU here; '
                          'without GPUs use tools/dist_train.sh')
    setup_cpu_distributed(cfg)
    return cfg


def fit_loaders(cfg: Config) -> None:
    """Set what data loaders need on this machine; what a config sets stays.

    Memory is pinned where there is a GPU, to which it is then copied without a detour.
    """
    for part in ('train', 'val', 'test'):
        loader = cfg.get(f'{part}_dataloader') or {}
        if loader.get('num_workers') == 0:
            loader.persistent_workers = False  # there are none to keep
        if loader and torch.cuda.is_available():
            loader.setdefault('pin_memory', True)


def check_device(device: Optional[str]) -> None:
    """Raise :class:`ConfigError` for a GPU that is not there.

    Args:
        device (str, optional): As the user gave it.
    """
    if device and device.startswith('cuda') and not torch.cuda.is_available():
        raise ConfigError(f'--device {device}: there is no GPU here')
