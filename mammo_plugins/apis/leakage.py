"""Checks that synthetic training images do not come from validation or test data."""

import os.path as osp
from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.config import Config

from mammo_plugins.datasets.pipeline import steps_of
from mammo_plugins.engine.data_configs import (
    annotation_file,
    datasets,
    image_roots,
    innermost_datasets,
)
from mammo_plugins.registry import type_name
from mammo_plugins.structures import in_fold, load_coco, synthetic_images
from mammo_plugins.structures.lesion_bank import (
    LesionBank,
    generation_of,
    source_dataset,
)

from .config_loading import ConfigError


def _annotations(cfg: Config, part: str) -> Iterator[tuple[str, str, dict]]:
    """Yield (field, path, annotation) of a part's data sets."""
    dataset = (cfg.get(f'{part}_dataloader') or {}).get('dataset')
    if not dataset:
        return
    for field, inner in innermost_datasets(f'{part}_dataloader.dataset', dataset):
        path = annotation_file(inner)
        if osp.isfile(path):  # a test part may be added later
            # includes mmdet's data sets, which may contain no exams
            yield field, path, load_coco(path, image_roots(inner))


def _source(data: dict) -> str:
    """Return the name of an annotation file's data set, '' if it has none."""
    info = data.get('info')
    name = info.get('dataset') if isinstance(info, dict) else None
    return source_dataset(name) if isinstance(name, str) else ''


def check_synthetic_sources(cfg: Config) -> None:
    """Raise :class:`ConfigError` if synthetic images show held-out patients.

    Each synthetic image lists its source files in ``images[].synthetic`` and has the
    patient of its background. Both are looked up in the validation and test data of the
    same data set.

    Args:
        cfg (Config): The config of a training.

    Raises:
        AnnotationError: If an annotation file cannot be used.
    """
    made = [
        (field, path, data)
        for field, path, data in _annotations(cfg, 'train')
        if synthetic_images(data)
    ]
    if not made:
        return
    held: dict[tuple[str, str], str] = {}  # (data set, patient or file) -> where
    for part in ('val', 'test'):
        for _, path, data in _annotations(cfg, part):
            source = _source(data)
            for image in data['images']:
                for key in ('patient_id', 'file_name'):
                    if isinstance(image.get(key), str):
                        held[source, image[key]] = path
    for field, path, data in made:
        source = _source(data)
        for image in synthetic_images(data):
            names: set[str] = {
                image['patient_id'],
                *(
                    value
                    for value in image['synthetic'].values()
                    if isinstance(value, str)
                ),
            }
            shown = sorted(name for name in names if (source, name) in held)
            if shown:
                raise ConfigError(
                    f'{field}: {path}: image {image["file_name"]} was created '
                    f'from {shown[0]}, which {held[source, shown[0]]} also '
                    'contains; create synthetic images only from the training '
                    'part of this fold'
                )


def check_banks(cfg: Config) -> None:
    """Raise :class:`ConfigError` if inserted lesions are from another part or fold.

    A bank of the training data set may only contain lesions of its training files,
    whatever part its header names: all folds share the name 'train'.

    Args:
        cfg (Config): The config of a training.
    """
    dataset = cfg.train_dataloader.dataset
    banks = [
        (
            f'{field}.pipeline: {type_name(step)}.bank',
            in_fold(step['bank'], each.get('fold')),
        )
        for field, each in datasets('train_dataloader.dataset', dataset)
        for step in steps_of(each.get('pipeline'))
        if type_name(step) in ('InsertLesions', 'PasteLesion')
    ]
    for field, path in banks:
        check_bank_files(
            f'{field}: {path}',
            LesionBank.read(path),
            [(ann_file, data) for _, ann_file, data in _annotations(cfg, 'train')],
        )


def check_bank_files(
    field: str, bank: LesionBank, annotations: Sequence[tuple[str, dict[str, Any]]]
) -> None:
    """Raise :class:`ConfigError` if a data set's own bank uses files outside it.

    Args:
        field (str): Setting that names the bank, for the message.
        bank (LesionBank): The bank.
        annotations (Sequence[tuple]): Path and content of the training annotation
            files.
    """
    own = [
        (path, data)
        for path, data in annotations
        if bank.is_from(_source(data), generation_of(data.get('info') or {}))
    ]
    others = own and bank.files_outside(
        image for _, data in own for image in data['images']
    )
    if others:
        raise ConfigError(
            f'{field}: {len(others)} files with its lesions, such as {others[0]}, '
            f'are not in {own[0][0]}; build the bank from this file, because '
            'lesions of another fold are in its test set'
        )
