"""What the command-line tools have in common."""
import argparse
import difflib
import os.path as osp
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional

import torch
from mmengine.config import Config, DictAction

from mammo_plugins.engine.checkpoint import (CheckpointError,
                                             refuse_unsafe_checkpoints)
from mammo_plugins.engine.distributed import setup_cpu_distributed
from mammo_plugins.io import MammogramError
from mammo_plugins.structures import AnnotationError

USER_ERRORS = (AnnotationError, CheckpointError, MammogramError,
               FileNotFoundError)


class ConfigError(ValueError):
    """A config that cannot be read; the message says what to do."""


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn errors that a user can mend into one message and exit status 2."""
    try:
        yield
    except (ConfigError, ) + USER_ERRORS as error:
        sys.exit(_fail(str(error)))
    except Exception as error:
        # errors of data-loading processes arrive as text with a traceback
        last_line = str(error).strip().splitlines()[-1:] or ['']
        name, _, message = last_line[0].partition(': ')
        if name.rpartition('.')[2] in {e.__name__ for e in USER_ERRORS}:
            sys.exit(_fail(message))
        if isinstance(error, KeyError) and 'registry' in str(error):
            sys.exit(_fail(error.args[0]))
        raise


def _fail(message: str) -> int:
    print(f'error: {message}', file=sys.stderr)
    return 2


def parser(description: str, example: str) -> argparse.ArgumentParser:
    """Return a parser whose help ends with an example.

    Args:
        description (str): What the command does.
        example (str): One or more command lines.
    """
    return argparse.ArgumentParser(
        description=description,
        epilog=f'example:\n  {example}',
        formatter_class=argparse.RawDescriptionHelpFormatter)


def add_run_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add mmdet's options that training and testing share."""
    arguments.add_argument(
        '--work-dir',
        help='folder for logs, checkpoints and results (default: '
        'work_dirs/<config name>)')
    add_config_arguments(arguments)
    arguments.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher')
    # given by torch.distributed.launch, which mmdet's scripts use
    arguments.add_argument(
        '--local_rank', '--local-rank', type=int, default=0,
        help=argparse.SUPPRESS)


def add_config_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the options of every command that takes a config."""
    arguments.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of the config, as key=value; lists as '
        'key="[a,b]" or key=a,b')
    arguments.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load checkpoints that hold more than weights and plain data; '
        'this runs code from the file, so know its origin')


def load_config(path: str, cfg_options: Optional[dict] = None) -> Config:
    """Read a config and apply ``--cfg-options``.

    Args:
        path (str): A config file.
        cfg_options (dict, optional): Overrides.

    Raises:
        ConfigError: If there is no such file or it cannot be read.
    """
    if not osp.isfile(path):
        known = [str(p) for p in Path('configs').rglob('*.py')
                 if '_base_' not in p.parts]
        near = difflib.get_close_matches(path, known, n=3, cutoff=0.4)
        hint = f'; did you mean {" or ".join(near)}?' if near else ''
        raise ConfigError(f'{path}: no such config{hint}')
    try:
        cfg = Config.fromfile(path)
    except Exception as error:  # a config is Python: it can fail in any way
        raise ConfigError(f'{path}: not a readable config '
                          f'({type(error).__name__}: {error})') from None
    if cfg_options:
        cfg.merge_from_dict(cfg_options)
    return cfg


def prepare_run(args: argparse.Namespace) -> Config:
    """Make the config of a training or test run from its arguments.

    Args:
        args (Namespace): Of a parser with :func:`add_run_arguments` and a
            ``config``.
    """
    if not args.trust_checkpoint:
        refuse_unsafe_checkpoints()
    cfg = load_config(args.config, args.cfg_options)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = osp.join('work_dirs', Path(args.config).stem)
    for part in ('train', 'val', 'test'):
        loader = cfg.get(f'{part}_dataloader') or {}
        if loader.get('num_workers') == 0:
            loader.persistent_workers = False  # there are none to keep
    if cfg.launcher in ('slurm', 'mpi') and not torch.cuda.is_available():
        raise ConfigError(f'--launcher {cfg.launcher}: there is no GPU here; '
                          'without GPUs use tools/dist_train.sh')
    setup_cpu_distributed(cfg)
    return cfg


def require_file(path: str, what: str) -> None:
    """Raise :class:`CheckpointError` if a file is missing.

    Args:
        path (str): The file.
        what (str): What it is, for the message.
    """
    if not osp.isfile(path):
        raise CheckpointError(f'{path}: no such {what}')


def enable_amp(cfg: Config) -> None:
    """Train with automatic mixed precision.

    Raises:
        ConfigError: If there is no accelerator, which MMEngine's needs.
    """
    if not torch.cuda.is_available():
        raise ConfigError('--amp: mixed precision needs a GPU and there is none '
                          'here; train without it')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.loss_scale = 'dynamic'


__all__ = [
    'ConfigError', 'add_config_arguments', 'add_run_arguments', 'enable_amp',
    'load_config', 'parser', 'prepare_run', 'require_file', 'user_errors'
]
