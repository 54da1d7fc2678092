"""Build the config of a training or test run from its arguments."""

import argparse
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from .errors import refuse
from .light import light

if TYPE_CHECKING:
    from mmengine.config import Config


def check_run(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse impossible launchers."""
    if args.gpus is None:
        return
    if args.gpus < 1:
        parser.error(f'--gpus {args.gpus}: expected at least 1')
    if args.launcher in ('slurm', 'mpi'):
        parser.error(
            f'--gpus: with --launcher {args.launcher} the launcher starts the processes'
        )


def launched(args: argparse.Namespace) -> bool:
    """Return whether this process is one of the run's own and not their launcher."""
    # a single process needs no launcher; openmim requests one if there is no GPU
    if args.gpus in (None, 1):
        return True
    # torchrun sets this for the processes that it starts
    return 'TORCHELASTIC_RUN_ID' in os.environ


def launch(command: str, args: argparse.Namespace) -> NoReturn:
    """Turn this process into the launcher of ``args.gpus`` processes on this machine.

    Args:
        command (str): Command of each process, 'train' or 'test'.
        args (Namespace): Arguments of this process; ``args.words`` is passed on.
    """
    root = light('shipped').repository()
    if root:  # like the scripts
        os.environ['PYTHONPATH'] = f'{root}:{os.environ.get("PYTHONPATH", "")}'
    sys.stdout.flush()
    os.execv(
        sys.executable,
        [
            sys.executable,
            '-m',
            'mammo_plugins.engine.launch',
            '--standalone',
            f'--nproc_per_node={args.gpus}',
            '-m',
            'mammo_cli',
            command,
            *args.words,
            '--launcher',
            'pytorch',
        ],
    )


def prepare_run(args: argparse.Namespace) -> 'Config':
    """Build the config of a training or test run from its arguments.

    Args:
        args (Namespace): Arguments of a parser with :func:`add_run_arguments` and a
            ``config``.
    """
    import torch

    from mammo_plugins.apis.config_loading import ConfigError, load_config
    from mammo_plugins.engine.checkpoint import refuse_unsafe_checkpoints
    from mammo_plugins.engine.distributed import setup_cpu_distributed
    from mammo_plugins.engine.pretrained import refuse_unfit_weights
    from mammo_plugins.engine.work_dir import default_work_dir, write_whole_checkpoints

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
    for name, hook in (
        ('checkpoint_check', 'mammo.CheckpointCheckHook'),
        ('data_summary', 'mammo.DataSummaryHook'),
        ('finite', 'mammo.FiniteHook'),
        ('pixel_size', 'mammo.PixelSizeHook'),
        ('rank_seed', 'mammo.RankSeedHook'),
        ('sync_buffers', 'mmengine.SyncBuffersHook'),
        ('unreadable_images', 'mammo.UnreadableImagesHook'),
        ('visualization', 'mammo.MammogramVisualizationHook'),
    ):
        if hooks.get(name) is None:
            hooks[name] = dict(type=hook)
    if cfg.launcher == 'pytorch' and 'RANK' not in os.environ:
        raise ConfigError(
            '--launcher pytorch: torchrun did not start this process; use --gpus N'
        )
    if cfg.launcher in ('slurm', 'mpi') and not torch.cuda.is_available():
        raise ConfigError(
            f'--launcher {cfg.launcher}: there is no GPU here; '
            'without GPUs use --gpus N'
        )
    setup_cpu_distributed(cfg)
    return cfg


def fit_loaders(cfg: 'Config') -> None:
    """Set data loader options for this machine, unless the config sets them.

    With a GPU, memory is pinned, so that it can be copied to the GPU directly.
    """
    import torch

    for part in ('train', 'val', 'test'):
        loader = cfg.get(f'{part}_dataloader') or {}
        if loader.get('num_workers') == 0:
            loader.persistent_workers = False  # there are no workers to keep
        if loader and torch.cuda.is_available():
            loader.setdefault('pin_memory', True)


def check_device(device: str | None) -> None:
    """End the command if the requested GPU does not exist.

    Args:
        device (str, optional): The device that the user has given.
    """
    import torch

    if device and device.startswith('cuda') and not torch.cuda.is_available():
        refuse(f'--device {device}: there is no GPU here')
