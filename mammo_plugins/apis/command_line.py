"""What the command-line tools have in common."""
import argparse
import difflib
import logging
import os.path as osp
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple

import torch
from mmengine.config import Config, DictAction

from mammo_plugins.engine.checkpoint import (CheckpointError,
                                             refuse_unsafe_checkpoints)
from mammo_plugins.engine.distributed import setup_cpu_distributed
from mammo_plugins.engine.loops.stages import (StageError, scheduler_cfgs,
                                               stages_of)
from mammo_plugins.engine.work_dir import write_whole_checkpoints
from mammo_plugins.io import MammogramError, file_error
from mammo_plugins.registry import type_name
from mammo_plugins.stopping import stoppable
from mammo_plugins.structures import AnnotationError
from mammo_plugins.structures.saliency import SaliencyError

USER_ERRORS = (AnnotationError, CheckpointError, MammogramError,
               FileNotFoundError, SaliencyError, StageError)

# settings of configs that their data sets have copied when an override comes
_COPIED = ('data_root', 'labels')
SYNTHESES = {'SynthesizeMalignancy', 'InsertLesions', 'PasteLesion'}


class _KeyValues(DictAction):
    """mmengine's ``--cfg-options``, with an error for what is not key=value."""

    def __call__(self, parser, namespace, values, option_string=None):
        for value in values:
            if '=' not in value:
                parser.error(f'--cfg-options: {value!r} is not key=value')
        super().__call__(parser, namespace, values, option_string)


class ConfigError(ValueError):
    """A config that cannot be read; the message says what to do."""


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn errors that a user can mend into one message and exit status 2.

    Signals stop the command as :func:`~mammo_plugins.stopping.stoppable` says.
    """
    # a log that cannot be written on a full disk says so once, in the error itself
    raised, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        with _told_errors(), stoppable():
            yield
    finally:
        logging.raiseExceptions = raised


@contextmanager
def _told_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        text = str(error)
        known = isinstance(error, (ConfigError, ) + USER_ERRORS)
        if 'in DataLoader worker process' in text:
            # arrives as text with a traceback, the error itself in the last line
            name, _, text = text.strip().splitlines()[-1].partition(': ')
            known = name.rpartition('.')[2] in {
                e.__name__ for e in (*USER_ERRORS, OSError, PermissionError)}
        if known:
            sys.exit(_fail(text))
        if file_error(error):
            sys.exit(_fail(file_error(error)))
        if isinstance(error, KeyError) and 'registry' in str(error):
            sys.exit(_fail(error.args[0]))
        if _is_of_a_setting(error):
            sys.exit(_fail(f'the config builds no valid component: {text}'))
        raise


def _is_of_a_setting(error: Exception) -> bool:
    """Tell whether a registered class refused the arguments that a config gives."""
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    return (isinstance(error, (TypeError, ValueError, KeyError))
            and 'build_from_cfg' in names
            and names[-1] in ('build_from_cfg', '__init__'))


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
        for key in cfg_options:
            if key.split('.')[0] not in cfg:
                near = difflib.get_close_matches(key.split('.')[0], cfg, n=1)
                hint = f'; did you mean {near[0]}?' if near else ''
                print(f'warning: --cfg-options {key}: the config has no such '
                      f'setting{hint}', file=sys.stderr)
            if key in cfg and key in _COPIED:
                raise ConfigError(
                    f'--cfg-options {key}: the data sets have their copy of it; set '
                    f'train_dataloader.dataset.{key}, val_dataloader.dataset.{key} '
                    f'and test_dataloader.dataset.{key}')
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
    write_whole_checkpoints()
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


def _dataloaders(cfg: Config,
                 parts: Sequence[str]) -> Iterator[Tuple[str, dict]]:
    """Yield (field, data loader) of a run, those of its stages included."""
    stages = stages_of(cfg) if 'train' in parts else []
    for part in parts:
        if part == 'train' and stages:
            continue
        if cfg.get(f'{part}_dataloader'):
            yield f'{part}_dataloader', cfg[f'{part}_dataloader']
    for stage in stages:
        where = f'train_cfg.stages.{stage.name}'
        yield f'{where}.train_dataloader', stage.train_dataloader
        if stage.detections is not None:
            yield f'{where}.detections.dataloader', stage.detections.dataloader


def check_annotation_files(cfg: Config, parts: Sequence[str]) -> None:
    """Raise :class:`ConfigError` if an annotation file is missing.

    Args:
        cfg (Config): The run's config.
        parts (Sequence[str]): Of 'train', 'val' and 'test'.
    """
    for field, loader in _dataloaders(cfg, parts):
        for _, dataset in _datasets('dataset', loader.get('dataset') or {}):
            path = osp.join(dataset.get('data_root') or '',
                            dataset.get('ann_file') or '')
            if dataset.get('ann_file') and not osp.isfile(path):
                raise ConfigError(
                    f'{path}: no such annotation file ({field}.dataset); '
                    'make it with one of tools/dataset_converters or as '
                    'docs/how_to/own_data.md says, or set data_root there')


def check_no_synthesis(cfg: Config, parts: Sequence[str]) -> None:
    """Raise :class:`ConfigError` if synthetic images could enter an evaluation.

    Args:
        cfg (Config): The run's config.
        parts (Sequence[str]): Of 'val' and 'test'.
    """
    for part in parts:
        dataset = (cfg.get(f'{part}_dataloader') or {}).get('dataset') or {}
        for field, inner in _datasets(f'{part}_dataloader.dataset', dataset):
            names = {type_name(step) for step in inner.get('pipeline') or ()}
            made = sorted(names & SYNTHESES)
            if made:
                raise ConfigError(f'{field}.pipeline: {made[0]} makes synthetic '
                                  'images, which never enter validation or test')
            if type_name(inner) == 'ExamDataset' and not inner.get('test_mode'):
                raise ConfigError(f'{field}.test_mode: missing; set it to True, with '
                                  'which synthetic images are refused')


def _datasets(field: str, dataset: dict) -> Iterator[Tuple[str, dict]]:
    """Yield (field, config) of a dataset and of those it wraps."""
    yield field, dataset
    for i, inner in enumerate(dataset.get('datasets') or ()):
        yield from _datasets(f'{field}.datasets.{i}', inner)
    if dataset.get('dataset'):
        yield from _datasets(f'{field}.dataset', dataset['dataset'])


def innermost_datasets(field: str, dataset: dict) -> List[Tuple[str, dict]]:
    """Return (field, config) of what wrappers such as ConcatDataset hold.

    Args:
        field (str): Where the dataset stands in its config.
        dataset (dict): Its config; returned itself if it wraps none.
    """
    return [(name, inner) for name, inner in _datasets(field, dataset)
            if not inner.get('dataset') and not inner.get('datasets')]


def warn_of_schedule(cfg: Config) -> None:
    """Say when a schedule does not end with the training or its stage."""
    schedules = [(f'stage {stage.name}: ', stage.max_epochs,
                  stage.param_scheduler) for stage in stages_of(cfg)]
    if not schedules:
        schedules = [('', (cfg.get('train_cfg') or {}).get('max_epochs'),
                      cfg.get('param_scheduler'))]
    for what, epochs, schedule in schedules:
        ends = [s['end'] for s in scheduler_cfgs(schedule)
                if s.get('by_epoch', True) and 'end' in s]
        if epochs and ends and max(ends) != epochs:
            print(f'warning: {what}param_scheduler ends at epoch {max(ends)}, '
                  f'training at {epochs}; a schedule does not follow max_epochs '
                  'by itself', file=sys.stderr)


def check_device(device: Optional[str]) -> None:
    """Raise :class:`ConfigError` for a GPU that is not there.

    Args:
        device (str, optional): As the user gave it.
    """
    if device and device.startswith('cuda') and not torch.cuda.is_available():
        raise ConfigError(f'--device {device}: there is no GPU here')


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
