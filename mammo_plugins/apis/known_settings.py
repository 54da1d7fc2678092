"""Finding unknown (misspelt) settings before anything is built."""

import ast
import difflib
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from mmengine import registry as roots
from mmengine.registry import Registry
from torch.utils.data import DataLoader

from mammo_plugins.datasets import ExamDataset
from mammo_plugins.engine.loops.stages import stages_of
from mammo_plugins.registry import SCOPE

# keys that builders remove from a config before the component gets the rest
_TAKEN = {
    'type',
    '_scope_',
    '_delete_',
    'init_cfg',
    'priority',
    'constructor',
    'paramwise_cfg',
    'convert_to_iter_based',
    'by_epoch',
    'bg_cls_weight',
}
# parts whose type may be omitted, and its default
_DEFAULT_TYPES = dict(
    val_cfg='ValLoop',
    test_cfg='TestLoop',
    optim_wrapper='OptimWrapper',
    log_processor='LogProcessor',
)
# parts without a type
_PLAIN = dict(
    acceleration={
        'precision',
        'channels_last',
        'compile',
        'pad_to',
        'activation_checkpointing',
    },
    auto_scale_lr={'enable', 'base_batch_size'},
    randomness={'seed', 'diff_rank_seed', 'deterministic'},
    env_cfg={'cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'},
)
# dicts without a type, wherever they occur, and the keys that they may have
_ANYWHERE = dict(
    clip_grad={
        'type',
        'max_norm',
        'norm_type',
        'error_if_nonfinite',
        'foreach',
        'clip_value',
    },
    mp_cfg={'mp_start_method', 'opencv_num_threads'},
)
_NMS = {
    'type',
    'iou_threshold',
    'iou_thr',
    'score_threshold',
    'score_thr',
    'sigma',
    'min_score',
    'method',
    'class_agnostic',
    'split_thr',
    'max_num',
    'offset',
}
_HOOKS = {
    'runtime_info',
    'timer',
    'sampler_seed',
    'logger',
    'param_scheduler',
    'checkpoint',
    'visualization',
}
_METAINFO = {'classes', 'palette'}
_LOADER = set(inspect.signature(DataLoader).parameters) | {'num_batch_per_epoch'}
# built by functions with their own settings
_OF_LAYERS = re.compile(
    r'\.((norm|conv|act|upsample|padding|init)_cfg|plugins|policies|dcn)(\.|$)'
)
# more similar names count as misspelt, others may be read in some other way
_NEAR, _TWIN = 0.8, 0.915
# any names are allowed in these
_FREE = {'custom_keys', 'stages', 'default_hooks'}


def named_classes(name: Any, scope: str) -> set[Any]:
    """Return the classes, of any registry, that a type may name.

    Args:
        name (str | type): The ``type`` in a config; a class stands for itself.
        scope (str): The default scope of plain names.
    """
    if not isinstance(name, str):
        return {name}
    given, _, plain = name.rpartition('.')
    found = set()
    for root in vars(roots).values():
        if not isinstance(root, Registry) or root.parent is not None:
            continue
        for place in [given] if given else [scope, SCOPE, 'mmdet', '', 'mmpretrain']:
            # 'mmengine' is the scope of the root registries
            registry = root if place in ('', 'mmengine') else root.children.get(place)
            if registry is None:
                continue
            registry.import_from_location()
            if plain in registry.module_dict:
                found.add(registry.module_dict[plain])
                break
    return found


def _passes_on(cls: type) -> bool:
    """Return whether a constructor passes its ``**kwargs`` to its parent."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls.__init__)))
    except (OSError, TypeError, SyntaxError):
        return False
    return any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == '__init__'
        and isinstance(call.func.value, ast.Call)
        and any(keyword.arg is None for keyword in call.keywords)
        for call in ast.walk(tree)
    )


@cache
def accepted_settings(component: Any) -> tuple[set[str], bool]:
    """Return the keyword arguments of a class or function.

    Args:
        component (type | callable): A registered component.

    Returns:
        tuple: Names, and whether the list is complete.
    """
    if not isinstance(component, type):
        parameters = inspect.signature(component).parameters.values()
        return (
            {p.name for p in parameters},
            not any(p.kind is p.VAR_KEYWORD for p in parameters),
        )
    names: set[str] = set()
    for cls in component.__mro__:
        if '__init__' not in vars(cls) or cls is object:
            continue
        parameters = list(inspect.signature(cls.__init__).parameters.values())
        names |= {
            p.name
            for p in parameters
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        }
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return names, True
        if not _passes_on(cls):
            break
    return names, False


def nearest(name: str, known: Any) -> str:
    """Return '; did you mean ...?', or '' if no name is similar.

    Args:
        name (str): An unknown name.
        known (Iterable[str]): The known names.
    """
    near = difflib.get_close_matches(name, [str(k) for k in known], n=2)
    return f'; did you mean {" or ".join(near)}?' if near else ''


def nearest_or_all(name: str, known: set[str]) -> str:
    """Like :func:`nearest`, but list all names if none is similar.

    Args:
        name (str): An unknown name.
        known (set[str]): The known names.
    """
    known = known - {'self', 'args', 'kwargs'}
    return nearest(name, known) or (
        f'; it has {", ".join(sorted(known))}' if known else ''
    )


def _same_but_for_digits(one: str, other: str) -> bool:
    return re.sub(r'\d', '', one) == re.sub(r'\d', '', other)


def _twins(part: dict[str, Any], field: str) -> Iterator[tuple[str, str]]:
    """Yield keys of an untyped part that occur next to a nearly identical key."""
    names = [key for key in part if isinstance(key, str) and len(key) > 4]
    for i, later in enumerate(names):
        for earlier in names[:i]:
            ratio = difflib.SequenceMatcher(None, earlier, later).ratio()
            if ratio > _TWIN and not _same_but_for_digits(earlier, later):
                yield (
                    f'{field}.{later}',
                    f'there is {earlier} besides; did you mean {earlier}?',
                )


def unknown_settings(cfg: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (dotted setting, fault) for settings that nothing reads.

    A component is checked against the arguments of its class and of the parents to
    which it passes the rest. Components that accept any argument are not checked, nor
    are names similar to none: a component that does not know them fails when it is
    built.

    Args:
        cfg (Config): A config.
    """
    scope = cfg.get('default_scope') or 'mmengine'
    for key, value in cfg.items():
        if isinstance(value, dict) and key in _PLAIN:
            for name in set(value) - _PLAIN[key]:
                yield f'{key}.{name}', 'no such setting' + nearest(name, _PLAIN[key])
            yield from _unknown(value, key, scope)
        elif key.endswith('_dataloader') and isinstance(value, dict):
            for name in set(value) - _LOADER - _TAKEN:
                yield f'{key}.{name}', 'no such setting' + nearest(name, _LOADER)
            yield from _unknown(value, key, scope)
        elif (
            isinstance(value, dict)
            and 'type' not in value
            and (key in _DEFAULT_TYPES or key == 'train_cfg')
        ):
            by_epoch = value.get('by_epoch', True)
            name = _DEFAULT_TYPES.get(
                key, f'{"Epoch" if by_epoch else "Iter"}BasedTrainLoop'
            )
            rest = {k: v for k, v in value.items() if k != 'by_epoch'}
            # an optimizer wrapper without a type may contain several
            if not any(
                isinstance(v, dict) and k != 'optimizer' for k, v in rest.items()
            ):
                yield from _unknown(dict(rest, type=name), key, 'mmengine')
        elif key in (
            'model',
            'param_scheduler',
            'custom_hooks',
            'default_hooks',
            'train_cfg',
            'optim_wrapper',
            'val_evaluator',
            'test_evaluator',
            'val_cfg',
            'test_cfg',
            'visualizer',
            'log_processor',
        ):
            yield from _unknown(value, key, scope)
    for stage in stages_of(cfg):  # with the settings inherited from the top level
        for key in ('train_dataloader', 'optim_wrapper', 'param_scheduler'):
            yield from _unknown(
                getattr(stage, key), f'train_cfg.stages.{stage.name}.{key}', scope
            )


def _unknown(part: Any, field: str, scope: str) -> Iterator[tuple[str, str]]:
    """Yield the unknown settings of a part of a config and of its nested parts."""
    if isinstance(part, (list, tuple)):
        for i, item in enumerate(part):
            yield from _unknown(item, f'{field}.{i}', scope)
    if not isinstance(part, dict) or _OF_LAYERS.search(field):
        return
    scope = part.get('_scope_', scope)
    last = field.rpartition('.')[2]
    for key in set(part) - _ANYWHERE.get(last, set(part)):
        yield f'{field}.{key}', 'no such setting' + nearest_or_all(key, _ANYWHERE[last])
    if last == 'nms':
        for key in set(part) - _NMS:
            if difflib.get_close_matches(key, _NMS, cutoff=_NEAR):
                yield f'{field}.{key}', 'no such setting' + nearest(key, _NMS)
        return
    if last == 'default_hooks':
        for key in set(part) - _HOOKS:
            if isinstance(part[key], dict) and 'type' not in part[key]:
                yield f'{field}.{key}', 'no such hook' + nearest_or_all(key, _HOOKS)
    if 'metainfo' in part and any(
        isinstance(c, type) and issubclass(c, ExamDataset)
        for c in named_classes(part.get('type'), scope)
    ):
        for key in set(part['metainfo'] or ()) - _METAINFO:
            yield (
                f'{field}.metainfo.{key}',
                'no such setting' + nearest_or_all(key, _METAINFO),
            )
    if (
        last == 'optimizer'
        and isinstance(part.get('type'), str)
        and not named_classes(part['type'], scope)
    ):
        # MMEngine reports it as None not being callable
        yield (
            f'{field}.type',
            f'no such optimizer {part["type"]}'
            + nearest(part['type'], roots.OPTIMIZERS.module_dict),
        )
    if part.get('type') is not None:
        yield from _of_component(part, field, scope)
    elif field.rpartition('.')[2] not in _FREE:
        yield from _twins(part, field)
    for key, item in part.items():
        yield from _unknown(item, f'{field}.{key}', scope)


def _of_component(
    part: dict[str, Any], field: str, scope: str
) -> Iterator[tuple[str, str]]:
    classes = named_classes(part['type'], scope)
    if not classes or any(
        getattr(c, '__module__', '').startswith('torch.nn') for c in classes
    ):
        return
    accepted = [accepted_settings(component) for component in classes]
    known = set().union(*(names for names, _ in accepted))
    complete = all(complete for _, complete in accepted)
    # nothing removes our settings before we see them
    ours = complete and all(c.__module__.startswith('mammo_plugins.') for c in classes)
    cutoff = _NEAR if complete else _TWIN
    name = getattr(part['type'], '__name__', str(part['type'])).rpartition('.')[2]
    for key in part:
        if (
            key not in known
            and key not in _TAKEN
            and (ours or difflib.get_close_matches(key, known, cutoff=cutoff))
        ):
            yield (
                f'{field}.{key}',
                f'{name} has no such setting{nearest_or_all(key, known)}',
            )
