"""What is checked of a run's config before anything is built."""
import os.path as osp
import sys
from typing import Iterator, List, Sequence, Tuple

from mmengine.config import Config

from mammo_plugins.engine.loops.stages import scheduler_cfgs, stages_of
from mammo_plugins.registry import type_name

from .config_loading import ConfigError

SYNTHESES = {'SynthesizeMalignancy', 'InsertLesions', 'PasteLesion'}


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
