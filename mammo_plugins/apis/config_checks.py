"""What is checked of a run's config before anything is built."""
import os.path as osp
import sys
from typing import Sequence

from mmengine.config import Config

from mammo_plugins.engine.data_configs import dataloaders, datasets
from mammo_plugins.engine.loops.stages import scheduler_cfgs, stages_of
from mammo_plugins.registry import type_name

from .config_loading import ConfigError

SYNTHESES = {'SynthesizeMalignancy', 'InsertLesions', 'PasteLesion'}


def check_annotation_files(cfg: Config, parts: Sequence[str]) -> None:
    """Raise :class:`ConfigError` if an annotation file is missing.

    Args:
        cfg (Config): The run's config.
        parts (Sequence[str]): Of 'train', 'val' and 'test'.
    """
    for field, loader in dataloaders(cfg, parts):
        for _, dataset in datasets('dataset', loader.get('dataset') or {}):
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
        for field, inner in datasets(f'{part}_dataloader.dataset', dataset):
            names = {type_name(step) for step in inner.get('pipeline') or ()}
            made = sorted(names & SYNTHESES)
            if made:
                raise ConfigError(f'{field}.pipeline: {made[0]} makes synthetic '
                                  'images, which never enter validation or test')
            if type_name(inner) == 'ExamDataset' and not inner.get('test_mode'):
                raise ConfigError(f'{field}.test_mode: missing; set it to True, with '
                                  'which synthetic images are refused')


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
