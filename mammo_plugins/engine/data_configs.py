"""Find the data loaders and data sets of a run's config."""

import os.path as osp
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mammo_plugins.engine.loops.stages import stages_of
from mammo_plugins.registry import DATASETS, SCOPE
from mammo_plugins.structures import ImageRoots, in_fold


def dataloaders(
    cfg: Mapping[str, Any], parts: Sequence[str]
) -> Iterator[tuple[str, dict]]:
    """Yield (field, data loader) of a run, including those of its stages.

    Args:
        cfg (Config): The run's config.
        parts (Sequence[str]): Any of 'train', 'val' and 'test'.
    """
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


def datasets(field: str, dataset: dict) -> Iterator[tuple[str, dict]]:
    """Yield (field, config) of a dataset and of those that it wraps.

    Args:
        field (str): The dataset's field in the run's config.
        dataset (dict): Its config.
    """
    yield field, dataset
    held = dataset.get('datasets') or ()
    for i, inner in held.items() if isinstance(held, dict) else enumerate(held):
        if inner is None:  # left out
            continue
        yield from datasets(f'{field}.datasets.{i}', inner)
    if dataset.get('dataset'):
        yield from datasets(f'{field}.dataset', dataset['dataset'])


def innermost_datasets(field: str, dataset: dict) -> list[tuple[str, dict]]:
    """Return (field, config) of the datasets within wrappers such as ConcatDataset.

    Args:
        field (str): The dataset's field in the run's config.
        dataset (dict): Its config; returned itself if it does not wrap another.
    """
    return [
        (name, inner)
        for name, inner in datasets(field, dataset)
        if not inner.get('dataset') and not inner.get('datasets')
    ]


def annotation_file(dataset: Mapping[str, Any]) -> str:
    """Return the annotation file of a dataset and its fold; '' if it names none.

    Args:
        dataset (dict): Its config, with ``data_root``, ``ann_file`` and, for datasets
            of this package, ``fold``.
    """
    name = dataset.get('ann_file') or ''
    return name and osp.join(_root(dataset), in_fold(name, dataset.get('fold')))


def _root(dataset: Mapping[str, Any]) -> str:
    """Return the folder of a dataset's files and its fold; '' if it names none."""
    return in_fold(dataset.get('data_root') or '', dataset.get('fold'))


def image_roots(dataset: Mapping[str, Any]) -> ImageRoots:
    """Return the folders that may contain a dataset's images.

    Args:
        dataset (dict): Its config, with ``data_root``, ``data_prefix`` and, for
            datasets of this package, ``fold`` and ``extra_roots``.
    """
    root, fold = _root(dataset), dataset.get('fold')
    prefix = in_fold(dataset.get('data_prefix') or {}, fold)
    extra = in_fold(dataset.get('extra_roots') or (), fold)
    folder = osp.join(root, prefix.get('img') or prefix.get('img_path') or '')
    return ImageRoots(folder, [root, *extra])


def dataset_class(dataset: Mapping[str, Any], scope: str | None) -> Any:
    """Return the class that a dataset's config names, or ``None`` if it is unknown.

    Args:
        dataset (dict): The config.
        scope (str, optional): Default scope of plain names.
    """
    kind = dataset.get('type')
    if not isinstance(kind, str):
        return kind
    with DATASETS.switch_scope_and_registry(scope or SCOPE) as registry:
        return registry.get(kind)
