"""What the command-line tools have in common."""
import argparse
import logging
import os
import os.path as osp
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional

import torch
from mmengine.config import Config, DictAction

from mammo_plugins.engine.checkpoint import (CheckpointError,
                                             refuse_unsafe_checkpoints)
from mammo_plugins.engine.distributed import setup_cpu_distributed
from mammo_plugins.engine.hooks import DivergenceError
from mammo_plugins.engine.loops.stages import StageError
from mammo_plugins.engine.pretrained import refuse_unfit_weights
from mammo_plugins.engine.work_dir import write_whole_checkpoints
from mammo_plugins.io import (IrregularFileError, JsonError, MammogramError,
                              add_limit_argument, atomic_path, file_error,
                              irregular_kind)
from mammo_plugins.printable import printable_output
from mammo_plugins.stopping import stoppable
from mammo_plugins.structures import AnnotationError
from mammo_plugins.structures.saliency import SaliencyError

from .config_loading import ConfigError, load_config
from .run_errors import explained

USER_ERRORS = (AnnotationError, CheckpointError, DivergenceError, JsonError,
               MammogramError, FileNotFoundError, SaliencyError, StageError)


class _KeyValues(DictAction):
    """mmengine's ``--cfg-options``, with an error for what is not key=value."""

    def __call__(self, parser, namespace, values, option_string=None):
        for value in values:
            key, equals, _ = value.partition('=')
            if not equals:
                parser.error(f'--cfg-options: {value!r} is not key=value')
            if not all(part.strip() for part in key.split('.')):
                parser.error(f'--cfg-options: {value!r} has an empty name before =')
        try:
            super().__call__(parser, namespace, values, option_string)
        except Exception as error:  # brackets that are not closed, and the like
            parser.error(f'--cfg-options {" ".join(values)}: not readable values '
                         f'({error})')


@contextmanager
def user_errors(args: Optional[argparse.Namespace] = None) -> Iterator[None]:
    """Turn errors that a user can mend into one message and exit status 2.

    Signals stop the command as :func:`~mammo_plugins.stopping.stoppable` says.

    Args:
        args (Namespace, optional): Of the command. With ``--cfg-options`` among them an
            error that nobody has foreseen is one message too, which tells them; its
            traceback goes to ``error.log`` of the output folder.
    """
    # a log that cannot be written on a full disk says so once, in the error itself
    raised, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        with printable_output(), _told_errors(args), stoppable():
            yield
    finally:
        logging.raiseExceptions = raised


@contextmanager
def _told_errors(args: Optional[argparse.Namespace]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        text = str(error)
        known = isinstance(error, (ConfigError, ) + USER_ERRORS)
        if 'in DataLoader worker process' in text:
            # arrives as text with a traceback, the error itself in the last line
            name, _, text = text.strip().splitlines()[-1].partition(': ')
            known = name.rpartition('.')[2] in {
                e.__name__ for e in (*USER_ERRORS, OSError, PermissionError,
                                     IrregularFileError)}
        if known:
            sys.exit(_fail(text))
        if file_error(error):
            if not error.filename and args is not None:
                error.filename = _output_of(args)  # a full disk does not tell the file
            sys.exit(_fail(file_error(error)))
        if isinstance(error, KeyError) and 'registry' in str(error):
            sys.exit(_fail(error.args[0]))
        explanation = explained(error) or _by_options(error, args)
        if explanation:
            sys.exit(_fail(explanation))
        raise


def _by_options(error: Exception, args: Optional[argparse.Namespace]) -> Optional[str]:
    """Keep a traceback in a file and return what the run's options may be behind."""
    options = getattr(args, 'cfg_options', None)
    if not options:
        return None
    log = Path(_output_of(args)) / 'error.log'
    try:
        with atomic_path(log) as temporary:
            temporary.write_text(traceback.format_exc(), encoding='utf-8',
                                 errors='backslashreplace')
    except OSError:
        return None
    text = (str(error).strip() or 'no text').splitlines()[-1]
    # those that the error speaks of before the others
    keys = sorted(options, key=lambda key: key.rpartition('.')[2] not in text)
    more = f' and {len(keys) - 8} more' if len(keys) > 8 else ''
    return (f'{type(error).__name__}: {text[:300]}; this run differs from {args.config} '
            f'by --cfg-options {", ".join(f"{key}={options[key]}" for key in keys[:8])}'
            f'{more}; the traceback is in {log}')


def _output_of(args: argparse.Namespace) -> str:
    """Return the folder that a command writes to."""
    if hasattr(args, 'work_dir'):
        return args.work_dir or default_work_dir(args.config)
    return args.out


def default_work_dir(config: str) -> str:
    """Return the work dir of a run that does not say its own.

    Args:
        config (str): The config file.
    """
    return osp.join('work_dirs', Path(config).stem)


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


def add_extra_root(arguments: argparse.ArgumentParser) -> None:
    """Add ``--extra-root``."""
    arguments.add_argument(
        '--extra-root', type=Path, action='append', default=[], metavar='DIR',
        help='further folder that file_name may lead to, by an absolute path or by ..; '
        'give it again for several')


def add_config_options(arguments: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``."""
    arguments.add_argument(
        '--cfg-options',
        nargs='+',
        action=_KeyValues,
        help='override settings of the config, as key=value; lists as '
        'key="[a,b]" or key=a,b')


def add_config_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the options of every command that takes a config and a checkpoint."""
    add_config_options(arguments)
    arguments.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load checkpoints that hold more than weights and plain data; '
        'this runs code from the file, so know its origin')
    add_limit_argument(arguments)


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
    for part in ('train', 'val', 'test'):
        loader = cfg.get(f'{part}_dataloader') or {}
        if loader.get('num_workers') == 0:
            loader.persistent_workers = False  # there are none to keep
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


def check_device(device: Optional[str]) -> None:
    """Raise :class:`ConfigError` for a GPU that is not there.

    Args:
        device (str, optional): As the user gave it.
    """
    if device and device.startswith('cuda') and not torch.cuda.is_available():
        raise ConfigError(f'--device {device}: there is no GPU here')


def require_file(path: str, what: str) -> None:
    """Raise :class:`CheckpointError` if a file is missing, or is none.

    Args:
        path (str): The file.
        what (str): What it is, for the message.
    """
    if not osp.exists(path):
        raise CheckpointError(f'{path}: no such {what}')
    kind = irregular_kind(os.stat(path).st_mode)
    if kind:
        raise CheckpointError(f'{path}: is {kind}, not a {what}')


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
