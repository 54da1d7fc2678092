"""Suggestions for setting names that a config does not have."""

import re
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from mammo_plugins.datasets.pipeline import is_named, step_places
from mammo_plugins.engine.data_configs import datasets

# mmdet's configs keep their steps in variables with such names
_PIPELINE = re.compile('(train|val|test)?_?pipeline')


def places_of(name: str, part: Any, where: str = '') -> Iterator[str]:
    """Yield the settings of a config with a given name, below its top level.

    Args:
        name (str): The name.
        part (Config): The config, or a part of it.
        where (str): Dotted place of the part.
    """
    items = (
        part.items()
        if isinstance(part, (dict, Config))
        else enumerate(part)
        if isinstance(part, (list, tuple))
        else ()
    )
    for key, item in items:
        place = f'{where}.{key}' if where else str(key)
        if key == name and where:
            yield place
        yield from places_of(name, item, place)


def meant_pipelines(name: str, cfg: Config) -> list[str]:
    """Return the pipelines that correspond to a variable of mmdet's configs.

    Args:
        name (str): Such as 'train_pipeline'.
        cfg (Config): The config.

    Returns:
        list[str]: Dotted settings, each with the names of its steps.
    """
    match = _PIPELINE.fullmatch(name)
    if not match:
        return []
    found = []
    for part in [match[1]] if match[1] else ['train', 'val', 'test']:
        # stages inherit the run's pipelines, or have others
        dataset = (cfg.get(f'{part}_dataloader') or {}).get('dataset') or {}
        for place, each in datasets(f'{part}_dataloader.dataset', dataset):
            steps = each.get('pipeline')
            if is_named(steps):
                found.append(
                    f'{place}.pipeline.NAME (NAME is one of '
                    f'{", ".join(step_places(steps))})'
                )
            elif steps:
                found.append(f'{place}.pipeline (a list of {len(steps)} steps)')
    return found
