"""Finding metrics that would compare boxes in different frames."""

import re
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from mammo_plugins.datasets.pipeline import every_step
from mammo_plugins.engine.data_configs import dataloaders, datasets
from mammo_plugins.engine.loops.stages import stages_of
from mammo_plugins.registry import type_name

# unlike resizing and flips, these are not undone in predictions
_MOVING = re.compile('.*(Crop|Affine|Rotate|Shear|Translate|Expand|Mosaic|MixUp)')


def metrics_of_other_frames(cfg: Config) -> Iterator[tuple[str, str]]:
    """Yield (dotted setting, fault) for files read along with moved images.

    The boxes of an annotation file are in pixels of its images, predictions in pixels
    of the crop made by a transform.

    Args:
        cfg (Config): A config with valid parts.
    """
    evaluators = [
        (part, f'{part}_evaluator', cfg.get(f'{part}_evaluator'))
        for part in ('val', 'test')
    ]
    evaluators += [
        ('val', f'{stage.place}.val_evaluator', stage.val_evaluator)
        for stage in stages_of(cfg)
    ]
    for part, where, evaluator in evaluators:
        for place, metric in _metrics(evaluator, where):
            if not metric.get('ann_file'):
                continue
            for field, step in _moving_steps(cfg, part):
                yield (
                    f'{place}.ann_file',
                    (
                        'its boxes are in pixels of the files, the predictions in those of '
                        f'what {step} of {field} makes of them; leave ann_file out and name '
                        "'instances' in meta_keys of PackDetInputs, take FROCMetric, or load "
                        'with LoadMammogram(crop=False)'
                    ),
                )
                break


def _metrics(evaluator: Any, where: str) -> Iterator[tuple[str, dict]]:
    """Yield (dotted setting, metric) of an evaluator's config."""
    if isinstance(evaluator, (list, tuple)):
        for number, metric in enumerate(evaluator):
            yield from _metrics(metric, f'{where}.{number}')
    elif isinstance(evaluator, dict) and 'metrics' in evaluator:
        yield from _metrics(evaluator['metrics'], f'{where}.metrics')
    elif isinstance(evaluator, dict) and 'type' in evaluator:
        yield where, evaluator
    elif isinstance(evaluator, dict):
        for name, metric in evaluator.items():
            yield from _metrics(metric, f'{where}.{name}')


def _moving_steps(cfg: Config, part: str) -> Iterator[tuple[str, str]]:
    """Yield (pipeline, step) for steps that crop or rotate the images of a part."""
    for field, loader in dataloaders(cfg, [part]):
        for place, dataset in datasets(f'{field}.dataset', loader.get('dataset') or {}):
            for step in every_step(dataset.get('pipeline')):
                name = type_name(step)
                if (
                    name == 'LoadMammogram'
                    and step.get('crop', True)
                    or (_MOVING.match(name))
                ):
                    yield f'{place}.pipeline', name
