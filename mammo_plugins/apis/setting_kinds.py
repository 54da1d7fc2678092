"""What kind of value a setting has, before anything is built of it."""
import logging
from numbers import Real
from typing import Any, Dict, Iterator, Tuple

from mmengine.config import Config

from mammo_plugins.datasets.pipeline import is_named, named_steps
from mammo_plugins.engine.data_configs import dataloaders, datasets

from .copied_settings import setting_at
from .known_settings import nearest_or_all

_PART, _PARTS = 'a dict of settings', 'a dict of settings or a list of such'
_DICTS = ('model', 'train_cfg', 'val_cfg', 'test_cfg', 'train_dataloader',
          'val_dataloader', 'test_dataloader', 'optim_wrapper', 'auto_scale_lr',
          'visualizer', 'default_hooks', 'env_cfg', 'randomness', 'log_processor',
          'inferencer')
_LISTS = ('param_scheduler', 'val_evaluator', 'test_evaluator', 'custom_hooks')
_TEXTS = ('work_dir', 'load_from', 'default_scope', 'experiment_name', 'launcher')
# MMEngine has defaults for them, but none for None
_NEVER_NONE = ('default_hooks', 'env_cfg', 'randomness', 'log_processor')


def wrong_kinds(cfg: Config) -> Iterator[Tuple[str, str]]:
    """Yield (dotted setting, what is wrong with it) for parts that are none.

    Args:
        cfg (Config): A config.
    """
    for key in _DICTS:
        value = cfg.get(key)
        if key in cfg and not (isinstance(value, dict)
                               or value is None and key not in _NEVER_NONE):
            yield key, _expected(value, _PART)
    for key in _LISTS:
        value = cfg.get(key)
        if key == 'param_scheduler' and isinstance(value, dict):
            # several optimizers have one by name each
            value = [s for each in (value.values() if 'type' not in value else [value])
                     for s in (each if isinstance(each, (list, tuple)) else [each])]
        for number, item in enumerate(
                value if isinstance(value, (list, tuple)) else [value]):
            if value is not None and not isinstance(item, dict):
                at = f'{key}.{number}' if isinstance(value, (list, tuple)) else key
                yield at, _expected(item, _PARTS if at == key else _PART)
    for key in _TEXTS:
        if key in cfg and not isinstance(cfg[key], (str, type(None))):
            yield key, _expected(cfg[key], 'a text')
    level = cfg.get('log_level', 'INFO')
    if isinstance(level, bool) or level not in (*logging._nameToLevel,
                                                *logging._levelToName):
        yield 'log_level', _expected(level, 'one of DEBUG, INFO, WARNING, ERROR')


def wrong_parts(cfg: Config) -> Iterator[Tuple[str, str]]:
    """As :func:`wrong_kinds`, of what lies in parts that are sound.

    Args:
        cfg (Config): A config.
    """
    for name, hook in cfg.get('default_hooks', {}).items():
        if not isinstance(hook, (dict, type(None))):
            yield f'default_hooks.{name}', _expected(hook, _PART + ' or None')
    stages = (cfg.get('train_cfg') or {}).get('stages') or {}
    for name, stage in stages.items() if isinstance(stages, dict) else ():
        if not isinstance(stage, dict):
            yield f'train_cfg.stages.{name}', _expected(stage, _PART)
            return
    for part in ('train', 'val', 'test'):
        loader = cfg.get(f'{part}_dataloader')
        if loader and not isinstance(loader.get('dataset'), dict):
            yield f'{part}_dataloader.dataset', _expected(loader.get('dataset'), _PART)
            return
    for field, loader in dataloaders(cfg, ('train', 'val', 'test')):
        whole = loader.get('dataset') or {}
        wrong = list(_wrong_data_sets(whole, f'{field}.dataset'))
        if wrong:
            yield from wrong
            return
        for place, dataset in datasets(f'{field}.dataset', whole):
            yield from _wrong_steps(dataset.get('pipeline', []), f'{place}.pipeline')


def _wrong_data_sets(dataset: dict, place: str) -> Iterator[Tuple[str, str]]:
    """Yield what is no data set among those that a wrapper has by name."""
    held = dataset.get('datasets')
    parts = {f'datasets.{name}': part for name, part in held.items()
             if part is not None} if isinstance(held, dict) else {}
    for name, part in {**parts, 'dataset': dataset.get('dataset')}.items():
        if isinstance(part, dict) and 'type' not in part and name in parts:
            # a slip in a name makes a part of its own
            whole = {other for other, one in held.items()
                     if one is None or isinstance(one, dict) and 'type' in one}
            yield f'{place}.{name}', ('a data set without a type, and none to inherit'
                                      f'{nearest_or_all(name.split(".")[1], whole)}')
        elif isinstance(part, dict):
            yield from _wrong_data_sets(part, f'{place}.{name}')
        elif name in parts:
            yield f'{place}.{name}', _expected(part, _PART + ' or None')


def _wrong_steps(pipeline: Any, place: str) -> Iterator[Tuple[str, str]]:
    """Yield what is no step of a pipeline, also inside its steps."""
    if is_named(pipeline):
        try:
            named_steps(pipeline)
        except ValueError as error:
            field, _, what = str(error).partition(': ')
            yield f'{place}.{field}', what
            return
    elif not isinstance(pipeline, (list, tuple)):
        yield place, _expected(pipeline, 'a list of steps, or a dict of them by name')
        return
    items = (named_steps(pipeline).items() if is_named(pipeline)
             else enumerate(pipeline))
    for key, step in items:
        if isinstance(step, dict):
            if 'transforms' in step and is_named(step['transforms']):
                yield from _wrong_steps(step['transforms'], f'{place}.{key}.transforms')
        elif not callable(step):
            yield f'{place}.{key}', _expected(step, _PART)


def other_kinds(cfg: Config, options: Dict[str, Any]) -> Iterator[Tuple[str, str]]:
    """Yield (option, what is wrong) for values of another kind than the config's.

    Text in place of a number, a number in place of text, or anything that is no part in
    place of one. None, lists and truth values may take any other's place.

    Args:
        cfg (Config): The config before the options are merged.
        options (dict[str, Any]): ``--cfg-options``.
    """
    for key, value in options.items():
        before = setting_at(cfg, key)
        if isinstance(before, dict) and not isinstance(value, (dict, list, tuple,
                                                               type(None))):
            yield key, _expected(value, _PART)
        elif isinstance(before, Real) and isinstance(value, str):
            kind = 'True or False' if isinstance(before, bool) else 'a number'
            yield key, _expected(value, f'{kind}, as the {before} of the config')
        elif isinstance(before, str) and isinstance(value, Real):
            yield key, _expected(value, f'a text, as the {before!r} of the config')


def _expected(value: Any, what: str) -> str:
    shown = repr(value)
    return f'{shown[:60]}{"..." if len(shown) > 60 else ""}; expected {what}'
