"""Checks for images that a run resizes inconsistently."""

import sys
from typing import Any

from mmengine.config import Config

from mammo_plugins.datasets.pipeline import every_step
from mammo_plugins.engine.data_configs import dataloaders, innermost_datasets
from mammo_plugins.registry import type_name

_SIZES = ('max_height', 'max_width')


def _resizes(pipeline: Any) -> set[tuple[Any, ...]]:
    """Return the sizes of all ``ResizeWithin`` steps of a pipeline."""
    return {
        tuple(step.get(key) for key in _SIZES)
        for step in every_step(pipeline)
        if type_name(step) == 'ResizeWithin'
    }


def warn_of_sizes(cfg: Config) -> None:
    """Warn if parts of a run see images at different scales.

    A size that a child config sets for one part affects neither the others nor a stage
    with its own pipeline.

    Args:
        cfg (Config): The config of a training.
    """
    places: dict[tuple[Any, ...], list[str]] = {}
    for field, loader in dataloaders(cfg, ('train', 'val', 'test')):
        for place, dataset in innermost_datasets(f'{field}.dataset', loader['dataset']):
            for size in _resizes(dataset.get('pipeline')):
                places.setdefault(size, []).append(place)
    if len(places) > 1:
        said = '; '.join(
            f'{height} x {width} in {", ".join(where)}'
            for (height, width), where in places.items()
        )
        print(
            f'warning: images are resized within different sizes (ResizeWithin): '
            f'{said}; set {" and ".join(_SIZES)} in each',
            file=sys.stderr,
        )
