"""Checks of the kinds of values in a config before anything is built."""

import logging
from collections.abc import Iterator
from numbers import Real
from typing import Any

from mmengine.config import Config

from mammo_plugins.engine.data_configs import dataloaders, datasets
from mammo_plugins.engine.loops.stages import StageError, stages_of

from .copied_settings import setting_at
from .named_parts import PART, expected, wrong_data_sets, wrong_metrics, wrong_steps

_PARTS = 'a dict of settings or a list of such'
_DICTS = (
    'model',
    'train_cfg',
    'val_cfg',
    'test_cfg',
    'train_dataloader',
    'val_dataloader',
    'test_dataloader',
    'optim_wrapper',
    'auto_scale_lr',
    'visualizer',
    'default_hooks',
    'env_cfg',
    'randomness',
    'log_processor',
    'inferencer',
)
_LISTS = ('param_scheduler', 'val_evaluator', 'test_evaluator', 'custom_hooks')
_TEXTS = ('work_dir', 'load_from', 'default_scope', 'experiment_name', 'launcher')
# MMEngine has defaults if they are missing, but not if they are None
_NEVER_NONE = ('default_hooks', 'env_cfg', 'randomness', 'log_processor')


def wrong_kinds(cfg: Config) -> Iterator[tuple[str, str]]:
    """Yield (dotted setting, fault) for invalid parts.

    Args:
        cfg (Config): A config.
    """
    for key in _DICTS:
        value = cfg.get(key)
        if key in cfg and not (
            isinstance(value, dict) or value is None and key not in _NEVER_NONE
        ):
            yield key, expected(value, PART)
    for key in _LISTS:
        value = cfg.get(key)
        if key == 'param_scheduler' and isinstance(value, dict):
            # with several optimizers, each has a named one
            value = [
                s
                for each in (value.values() if 'type' not in value else [value])
                for s in (each if isinstance(each, (list, tuple)) else [each])
            ]
        for number, item in enumerate(
            value if isinstance(value, (list, tuple)) else [value]
        ):
            if value is not None and not isinstance(item, dict):
                at = f'{key}.{number}' if isinstance(value, (list, tuple)) else key
                yield at, expected(item, _PARTS if at == key else PART)
    for key in _TEXTS:
        if key in cfg and not isinstance(cfg[key], (str, type(None))):
            yield key, expected(cfg[key], 'a text')
    level = cfg.get('log_level', 'INFO')
    if isinstance(level, bool) or level not in (
        *logging._nameToLevel,
        *logging._levelToName,
    ):
        yield 'log_level', expected(level, 'one of DEBUG, INFO, WARNING, ERROR')


def wrong_parts(cfg: Config) -> Iterator[tuple[str, str]]:
    """Like :func:`wrong_kinds`, for the contents of valid parts.

    Args:
        cfg (Config): A config.
    """
    for name, hook in cfg.get('default_hooks', {}).items():
        if not isinstance(hook, (dict, type(None))):
            yield f'default_hooks.{name}', expected(hook, PART + ' or None')
    stages = (cfg.get('train_cfg') or {}).get('stages') or {}
    for name, stage in stages.items() if isinstance(stages, dict) else ():
        if not isinstance(stage, dict):
            yield f'train_cfg.stages.{name}', expected(stage, PART)
            return
    try:
        parsed = stages_of(cfg)
    except StageError as error:
        field, _, what = str(error).partition(': ')
        yield field, what
        return
    for part in ('train', 'val', 'test'):
        loader = cfg.get(f'{part}_dataloader')
        if loader and not isinstance(loader.get('dataset'), dict):
            yield f'{part}_dataloader.dataset', expected(loader.get('dataset'), PART)
            return
    scope = cfg.get('default_scope') or 'mmengine'
    for part in ('val', 'test'):
        evaluator = f'{part}_evaluator'
        yield from wrong_metrics(cfg.get(evaluator), evaluator, scope)
    for stage in parsed:
        yield from wrong_metrics(
            stage.val_evaluator, f'{stage.place}.val_evaluator', scope
        )
    for number, hook in enumerate(_hooks(cfg)):
        if 'switch_pipeline' in hook:
            place = f'custom_hooks.{number}.switch_pipeline'
            yield from wrong_steps(hook['switch_pipeline'], place, hook, scope)
    for field, loader in dataloaders(cfg, ('train', 'val', 'test')):
        whole = loader.get('dataset') or {}
        wrong = list(wrong_data_sets(whole, f'{field}.dataset', scope))
        if wrong:
            yield from wrong
            return
        for place, dataset in datasets(f'{field}.dataset', whole):
            yield from wrong_steps(
                dataset.get('pipeline', []), f'{place}.pipeline', dataset, scope
            )


def _hooks(cfg: Config) -> list[dict]:
    hooks = cfg.get('custom_hooks') or []
    return [hooks] if isinstance(hooks, dict) else hooks


def other_kinds(cfg: Config, options: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (option, fault) for values of another kind than the config's.

    This is text instead of a number, a number instead of text, or a non-part instead of
    a part. None and lists may replace any value.

    Args:
        cfg (Config): The config before the options are merged.
        options (dict[str, Any]): ``--cfg-options``.
    """
    for key, value in options.items():
        before = setting_at(cfg, key)
        if isinstance(before, dict) and not isinstance(
            value, (dict, list, tuple, type(None))
        ):
            yield key, expected(value, PART)
        elif isinstance(before, Real) and isinstance(value, str):
            kind = 'True or False' if isinstance(before, bool) else 'a number'
            yield key, expected(value, f'{kind}, as the {before} of the config')
        elif isinstance(before, str) and isinstance(value, Real):
            yield key, expected(value, f'a text, as the {before!r} of the config')
