"""Checks of a run's config before anything is built."""

import os.path as osp
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from mammo_plugins.datasets import ExamDataset
from mammo_plugins.datasets.categories import REST
from mammo_plugins.datasets.pipeline import is_named, steps_of
from mammo_plugins.engine.classes import classes_of
from mammo_plugins.engine.data_configs import (
    annotation_file,
    dataloaders,
    dataset_class,
    datasets,
    image_roots,
    innermost_datasets,
)
from mammo_plugins.engine.loops.staged_train_loop import StagedTrainLoop, without_batch
from mammo_plugins.engine.loops.stages import scheduler_cfgs, stages_of
from mammo_plugins.registry import type_name
from mammo_plugins.shipped import maker_of
from mammo_plugins.structures import load_coco

from .config_loading import ConfigError

SYNTHESES = {'SynthesizeMalignancy', 'InsertLesions', 'PasteLesion'}


def check_complete(cfg: Config, part: str) -> None:
    """Raise :class:`ConfigError` for a config that does not define a complete run.

    Args:
        cfg (Config): The run's config.
        part (str): 'train' or 'test', the task of the run.
    """
    needed = [
        'model',
        f'{part}_dataloader',
        f'{part}_cfg',
        'optim_wrapper' if part == 'train' else 'test_evaluator',
    ]
    missing = [key for key in needed if cfg.get(key) is None]
    if missing:
        raise ConfigError(
            (
                f'{cfg.filename}: has no {", ".join(missing)}, so it cannot '
                f'{part}; files in _base_ are parts of configs'
            )
            + ('; generators of images are not tested' if part == 'test' else '')
        )
    for each in ('train', 'val', 'test'):
        keys = [f'{each}_dataloader', f'{each}_cfg']
        keys.append('optim_wrapper' if each == 'train' else f'{each}_evaluator')
        there = [key for key in keys if cfg.get(key) is not None]
        if there and len(there) < len(keys):
            lacking = [key for key in keys if key not in there]
            raise ConfigError(
                f'{cfg.filename}: has {", ".join(there)}, but no '
                f'{", ".join(lacking)}; set all of them, or all to None'
            )


def check_annotation_files(cfg: Config, parts: Sequence[str]) -> None:
    """Raise :class:`ConfigError` if an annotation file or a class in it is missing.

    Args:
        cfg (Config): The run's config.
        parts (Sequence[str]): Some of 'train', 'val' and 'test'.
    """
    for field, loader in dataloaders(cfg, parts):
        for _, dataset in datasets('dataset', loader.get('dataset') or {}):
            path = annotation_file(dataset)
            if path and not osp.isfile(path):
                raise ConfigError(
                    f'{path}: no such annotation file ({field}.dataset); '
                    + _cure_of_no_file(path)
                )
            if type_name(dataset) == 'CocoDataset':
                _check_coco_classes(
                    f'{field}.dataset', dataset, path, cfg.get('default_scope')
                )


def _cure_of_no_file(path: str) -> str:
    beside = sorted(each.name for each in Path(path).parent.glob('*.json'))
    if beside:
        return (
            f'the folder also has {", ".join(beside[:6])}. A part without '
            'patients is not written: convert with other --ratios, or set '
            'ann_file there to one of these'
        )
    return f'set data_root there, or make it with {maker_of(path)}'


def _check_coco_classes(
    field: str, dataset: dict, path: str, scope: str | None
) -> None:
    """Raise if mmdet's data set would find no lesion of a class; ours checks itself."""
    data = load_coco(path, image_roots(dataset))
    named = [category['name'] for category in data['categories']]
    classes = classes_of(field, dataset, scope) or ()
    lacking = [name for name in classes if name not in named]
    if lacking:
        raise ConfigError(
            f'{path}: classes {lacking} of {field} are not in the file, which has '
            f'{named}; set metainfo=dict(classes=...) there to names of the file'
        )


def check_no_synthesis(cfg: Config, parts: Sequence[str]) -> None:
    """Raise :class:`ConfigError` if synthetic images could enter an evaluation.

    Args:
        cfg (Config): The run's config.
        parts (Sequence[str]): Some of 'val' and 'test'.
    """
    for part in parts:
        dataset = (cfg.get(f'{part}_dataloader') or {}).get('dataset') or {}
        for field, inner in datasets(f'{part}_dataloader.dataset', dataset):
            names = {type_name(step) for step in steps_of(inner.get('pipeline'))}
            made = sorted(names & SYNTHESES)
            if made:
                raise ConfigError(
                    f'{field}.pipeline: {made[0]} makes synthetic '
                    'images, which never enter validation or test'
                )
            owner = dataset_class(inner, cfg.get('default_scope'))
            if (
                isinstance(owner, type)
                and issubclass(owner, ExamDataset)
                and not (inner.get('test_mode'))
            ):
                raise ConfigError(
                    f'{field}.test_mode: missing; set it to True, with '
                    'which synthetic images are refused'
                )


def check_outlines(cfg: Config) -> None:
    """Raise :class:`ConfigError` if training needs masks that a data set lacks.

    mmdet ignores lesions without an outline when masks are loaded. Next to synthetic
    images, which have outlines, a data set with boxes only would not be used at all. If
    only some lesions lack an outline, this is logged.

    Args:
        cfg (Config): The config of a training.
    """
    for field, dataset in innermost_datasets(
        'train_dataloader.dataset', cfg.train_dataloader.dataset
    ):
        path = annotation_file(dataset)
        if not _loads_masks(dataset.get('pipeline')) or not osp.isfile(path):
            continue
        data = load_coco(path, image_roots(dataset))
        lists = [dataset.get(key) or () for key in ('other_classes', 'ignored_classes')]
        kept = classes_of(field, dataset, cfg.get('default_scope')) or ()
        others = [
            category['id']
            for category in data['categories']
            if category['name'] not in kept
            and (REST in lists or category['name'] in (*lists[0], *lists[1]))
        ]
        # the data set itself refuses invalid lesions
        lesions = [
            lesion
            for lesion in data.get('annotations') or ()
            if isinstance(lesion, dict)
            and not lesion.get('iscrowd')
            and lesion.get('category_id') not in others
        ]
        lacking = sum(not lesion.get('segmentation') for lesion in lesions)
        said = (
            f'{path}: {lacking} of {len(lesions)} lesions have no outline '
            f'(segmentation), which {field}.pipeline loads by with_mask=True; such '
            'lesions are ignored'
        )
        if lesions and lacking == len(lesions):
            raise ConfigError(
                f'{said}. Annotate outlines, or train a box detector such as '
                'those of configs/baselines'
            )
        if lacking:
            print(f'warning: {said}', file=sys.stderr)


def check_out_of_fold(cfg: Config) -> None:
    """Raise :class:`ConfigError` if MommiNet's folds do not hold out every patient.

    The folds are used in the third stage, after the branches have been trained.

    Args:
        cfg (Config): The config of a training.
    """
    held: dict[str, str] = {}
    for number, fold in enumerate(cfg.model.get('out_of_fold') or ()):
        field = f'model.out_of_fold[{number}]'
        for key in ('checkpoint', 'ann_file'):
            if not osp.isfile(str(fold.get(key))):
                raise ConfigError(f'{field}.{key}: {fold.get(key)}: no such file')
        patients = {
            image.get('patient_id') for image in load_coco(fold['ann_file'])['images']
        }
        twice = patients & held.keys()
        if twice:
            raise ConfigError(
                f'{field}.ann_file: {fold["ann_file"]}: {len(twice)} of '
                f'its patients are held out by {held[twice.pop()]}, too'
            )
        held.update(dict.fromkeys(patients, fold['ann_file']))
    if not held:
        return
    for field, dataset in innermost_datasets(
        'train_dataloader.dataset', cfg.train_dataloader.dataset
    ):
        path = annotation_file(dataset)
        patients = {
            image.get('patient_id')
            for image in load_coco(path, image_roots(dataset))['images']
        }
        lacking = len(patients - held.keys())
        if lacking:
            raise ConfigError(
                f'model.out_of_fold: {lacking} of {len(patients)} patients '
                f'of {path} ({field}) are in no ann_file; each has to be '
                'in one'
            )


def _loads_masks(steps: Any) -> bool:
    """Return whether a pipeline, or one nested in it, loads masks."""
    if isinstance(steps, (list, tuple)) or is_named(steps):
        return any(map(_loads_masks, steps_of(steps)))
    return isinstance(steps, dict) and (
        bool(steps.get('with_mask')) or _loads_masks(steps.get('transforms'))
    )


def check_lengths(cfg: Config) -> None:
    """Raise :class:`ConfigError` if training, batch or schedule has length zero.

    Args:
        cfg (Config): The config of a training; stages are checked separately.
    """
    loop = cfg.get('train_cfg') or {}
    settings = [
        ('train_cfg', key, loop, 1)
        for key in ('max_epochs', 'max_iters', 'val_interval', 'val_begin')
    ]
    for field, loader in dataloaders(cfg, ('train', 'val')):
        settings += [
            (field, 'batch_size', loader, 1),
            (field, 'num_workers', loader, 0),
        ]
    for field, key, owner, least in settings:
        value = owner.get(key, least)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ConfigError(
                f'{field}.{key}: {value!r}; expected an integer from {least}'
            )
    for what, epochs, schedule in _schedules(cfg):
        for part in schedule:
            if part.get('begin', 0) >= part.get('end', epochs):
                raise ConfigError(
                    f'{what}param_scheduler: {type_name(part)} begins at epoch '
                    f'{part["begin"]}, the training ends at {part.get("end", epochs)}; '
                    'begin does not follow max_epochs, set it too'
                )


def _schedules(cfg: Config) -> list[tuple[str, int, list[dict]]]:
    """Return (owner, number of epochs, schedulers by epoch) of schedules."""
    schedules = [
        (f'stage {stage.name}: ', stage.max_epochs, stage.param_scheduler)
        for stage in stages_of(cfg)
    ]
    if not schedules:
        schedules = [
            (
                '',
                (cfg.get('train_cfg') or {}).get('max_epochs'),
                cfg.get('param_scheduler'),
            )
        ]
    return [
        (
            what,
            epochs,
            [part for part in scheduler_cfgs(schedule) if part.get('by_epoch', True)],
        )
        for what, epochs, schedule in schedules
        if epochs
    ]


def warn_of_schedule(cfg: Config) -> None:
    """Warn if a schedule does not end with the training or its stage.

    Args:
        cfg (Config): The config of a training.
    """
    for what, epochs, schedule in _schedules(cfg):
        ends = [part['end'] for part in schedule if 'end' in part]
        if ends and max(ends) != epochs:
            print(
                f'warning: {what}param_scheduler ends at epoch {max(ends)}, '
                f'training at {epochs}; a schedule does not follow max_epochs '
                'by itself',
                file=sys.stderr,
            )
        for part in schedule:
            steps = part.get('milestones') or ()
            if steps and max(steps) >= epochs:
                print(
                    f'warning: {what}param_scheduler: the milestones {list(steps)} of '
                    f'{type_name(part)} are not all reached in {epochs} epochs; they '
                    'do not follow max_epochs, set them too',
                    file=sys.stderr,
                )


def _annotation_files(cfg: Config, part: str) -> dict[str, str]:
    """Return the annotation files of a part: real path, and path in the config."""
    files = {}
    for _, loader in dataloaders(cfg, [part]):
        for _, dataset in innermost_datasets('', loader.get('dataset') or {}):
            path = annotation_file(dataset)
            if path:
                files[osp.realpath(path)] = path
    return files


def _selection(cfg: Config) -> str:
    """Return the setting through which validation affects training, '' for none."""
    for stage in stages_of(cfg):
        if stage.save_best:
            return f'train_cfg.stages.{stage.name}.save_best'
    hooks = cfg.get('default_hooks') or {}
    if (hooks.get('checkpoint') or {}).get('save_best'):
        return 'default_hooks.checkpoint.save_best'
    if any(
        type_name(hook) == 'EarlyStoppingHook'
        for hook in [*hooks.values(), *(cfg.get('custom_hooks') or ())]
    ):
        return 'EarlyStoppingHook'
    schedules = [cfg.get('param_scheduler')] + [
        stage.param_scheduler for stage in stages_of(cfg)
    ]
    plateau = any(
        type_name(each).startswith('ReduceOnPlateau')
        for schedule in schedules
        for each in scheduler_cfgs(schedule)
    )
    return 'param_scheduler' if plateau else ''


def warn_of_shared_parts(cfg: Config, parts: Sequence[str]) -> None:
    """Warn if two parts read the same annotation file.

    Args:
        cfg (Config): The run's config.
        parts (Sequence[str]): Parts that the run evaluates, from 'val' and 'test'.
    """
    files = {part: _annotation_files(cfg, part) for part in ('train', 'val', 'test')}
    for part in parts:
        for path in files[part].keys() & files['train'].keys():
            print(
                f'warning: {part}_dataloader and train_dataloader both read '
                f'{files[part][path]}: figures on training data say nothing about '
                'other patients',
                file=sys.stderr,
            )
    if 'val' not in parts:
        return
    for path in files['val'].keys() & files['test'].keys():
        chosen = _selection(cfg)
        what = (
            (
                f'{chosen} selects by the test part, which makes its figures too '
                'optimistic; validate on part of the training patients'
            )
            if chosen
            else 'validation uses the test part; do not choose anything by it'
        )
        print(
            f'warning: val_dataloader and test_dataloader both read '
            f'{files["val"][path]}: {what}',
            file=sys.stderr,
        )


def check_batches(runner: Runner) -> None:
    """Build the training loop; its data must give at least one batch.

    Args:
        runner (Runner): Runner of a training; staged training checks each stage itself.

    Raises:
        ConfigError: If they give none.
    """
    loop = runner._train_loop = runner.build_train_loop(runner._train_loop)
    if not isinstance(loop, StagedTrainLoop):
        reason = without_batch(loop.dataloader)
        if reason:
            raise ConfigError(f'train_dataloader: {reason}')
