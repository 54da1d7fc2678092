"""Checks for pipeline steps without which the network gets no sample."""

import re
from collections.abc import Iterator
from typing import Any

from mmdet.datasets import BaseDetDataset
from mmengine.config import Config

from mammo_plugins.datasets import ExamDataset
from mammo_plugins.datasets.pipeline import every_step, is_named
from mammo_plugins.engine.data_configs import dataloaders, datasets, innermost_datasets
from mammo_plugins.registry import type_name

from .known_settings import named_classes
from .named_parts import is_a, is_of_libraries

# by name: the libraries' steps have no common class
_LOADS = re.compile(r'Load(Mammogram|\w*Image\w*)|InferencerLoader')
_PACKS = re.compile(r'Pack\w+')
_COLLATES = ('', 'pseudo_collate', 'default_collate')  # others may do the packing


def lacking_steps(cfg: Config) -> Iterator[tuple[str, str]]:
    """Yield (dotted setting, fault) for pipelines that lack a step.

    Data sets and steps in user code are not checked.

    Args:
        cfg (Config): A config with valid parts.
    """
    scope = cfg.get('default_scope') or 'mmengine'
    for field, loader in dataloaders(cfg, ('train', 'val', 'test')):
        held = dict(datasets(f'{field}.dataset', loader.get('dataset') or {}))
        for place, dataset in innermost_datasets(
            f'{field}.dataset', held[f'{field}.dataset']
        ):
            # the steps of a wrapper follow those of its data sets
            outer = [
                each
                for where, each in held.items()
                if f'{place}.'.startswith(f'{where}.')
            ]
            pipelines = [each.get('pipeline') or () for each in outer]
            names = set().union(*map(_types, pipelines))
            if not is_a(
                dataset.get('type'), scope, (ExamDataset, BaseDetDataset)
            ) or not all(
                _is_known(kind, scope)
                for kind in (*names, *(each.get('type') for each in outer))
            ):
                continue
            steps = dataset.get('pipeline')
            left_out = (
                [name for name, step in steps.items() if step is None]
                if is_named(steps)
                else []
            )
            said = f' ({", ".join(left_out)} left out)' if left_out else ''
            shown = {type_name(dict(type=kind)) for kind in names}
            if not any(map(_LOADS.fullmatch, shown)):
                yield (
                    f'{place}.pipeline',
                    f'no step reads the image{said}; expected '
                    'one such as LoadMammogram',
                )
            elif type_name(loader.get('collate_fn')) in _COLLATES and not any(
                map(_PACKS.fullmatch, shown)
            ):
                yield (
                    f'{place}.pipeline',
                    'no step packs the sample for the network'
                    f'{said}; expected one such as PackDetInputs (one view), '
                    'PackExamInputs (several) or mmpretrain.PackInputs (patches)',
                )


def _is_known(kind: Any, scope: str) -> bool:
    return any(map(is_of_libraries, named_classes(kind, scope)))


def _types(pipeline: Any) -> set[Any]:
    """Return the types of steps, including nested ones."""
    found = (
        step['type'] if isinstance(step, dict) else type(step)
        for step in every_step(pipeline)
    )
    return {kind for kind in found if isinstance(kind, (str, type))}
