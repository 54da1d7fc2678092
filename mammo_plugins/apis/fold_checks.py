"""Checks of the folds that a run's config names."""

import os.path as osp
import re
from collections.abc import Iterable, Iterator
from typing import Any

from mmengine.config import Config

from mammo_plugins.datasets.folds import FOLD_SETTINGS
from mammo_plugins.engine.data_configs import (
    annotation_file,
    dataloaders,
    image_roots,
    innermost_datasets,
)
from mammo_plugins.structures import is_fold, load_coco, names_of_fold

from .config_loading import ConfigError

# layout of folds as written by converters
_NUMBERED = re.compile(r'(?:^|/)fold_(\d+)/')


def check_folds(cfg: Config) -> None:
    """Raise :class:`ConfigError` unless all parts of a run belong to one fold.

    Patients in the training part of one fold are in the test part of another.

    Args:
        cfg (Config): The run's config.
    """
    folds: dict[str, Any] = {}
    written: dict[str, Any] = {}  # files that name their fold by its number
    parts = list(_data_sets(cfg))
    for place, inherited, dataset in parts:
        names = names_of_fold([dataset.get(key) for key in FOLD_SETTINGS])
        fold = dataset.get('fold')
        _refuse_stray(place, dataset)
        if names and not is_fold(fold):
            raise ConfigError(
                f'{place}.fold: {fold!r}; expected the number that stands '
                f'for {{fold}} in {names[0]}, from 1 on'
            )
        number = _NUMBERED.search(str(dataset.get('ann_file') or ''))
        # stages use the data sets of the run unless they set others
        if names and folds.get(inherited) != fold:
            folds[place] = fold
        if number and written.get(inherited) != int(number[1]):
            written[place] = int(number[1])
    if len(set(folds.values())) > 1:
        first = next(iter(folds.values()))
        raise ConfigError(
            ', '.join(f'{where}.fold is {fold}' for where, fold in folds.items())
            + (
                ': patients in the training set of one fold are in the test set of '
                'another; set all to one number, --cfg-options '
            )
            + ' '.join(f'{where}.fold={first}' for where in folds)
            + f', or run mammo cross-validate CONFIG --folds {first}'
        )
    if len({*folds.values(), *written.values()}) > 1 and (
        folds or _shared_patients(parts)
    ):
        raise ConfigError(
            ', '.join(
                [f'{where}.fold is {fold}' for where, fold in folds.items()]
                + [
                    f'{where}.ann_file is of fold {fold}'
                    for where, fold in written.items()
                ]
            )
            + (
                ': patients in the training set of one fold are in the test set of '
                'another; name files by fold_{fold} and set fold of all data sets '
                'to one number'
            )
        )


def _data_sets(cfg: Config) -> Iterator[tuple[str, str, dict]]:
    """Yield (place, place it is inherited from, config) of a run's data sets."""
    for field, loader in [
        ('train_dataloader', cfg.get('train_dataloader') or {}),
        *dataloaders(cfg, ('train', 'val', 'test')),
    ]:
        for where, dataset in innermost_datasets(
            'dataset', loader.get('dataset') or {}
        ):
            yield (
                f'{field}.{where}',
                f'train_dataloader.{where}' if field.startswith('train_cfg.') else '',
                dataset,
            )


def _refuse_stray(place: str, dataset: dict) -> None:
    """Raise for settings in which ``{fold}`` would not be replaced."""
    for key, value in dataset.items():
        names = names_of_fold(value) if key not in FOLD_SETTINGS else []
        if names:
            raise ConfigError(
                f'{place}.{key}: {names[0]}: {{fold}} is not replaced there; the '
                f'fold number is only put into {", ".join(FOLD_SETTINGS)}'
            )


def _shared_patients(parts: Iterable[tuple[str, str, dict]]) -> bool:
    """Return whether training patients are also in files of other parts."""
    trained: set[str] = set()
    others: set[str] = set()
    for place, _, dataset in parts:
        path = annotation_file(dataset)
        if osp.isfile(path):
            images = load_coco(path, image_roots(dataset))['images']
            (trained if place.startswith('train_') else others).update(
                str(image.get('patient_id')) for image in images
            )
    return bool(trained & others)
