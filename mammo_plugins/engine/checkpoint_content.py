"""Check a checkpoint's content: numbers, texts and tensors where MMEngine puts them."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from math import inf
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import Tensor

from mammo_plugins.structures.fields import is_id
from mammo_plugins.structures.pixel_size import KEY as PIXEL_SIZE_KEY

_PLAIN = (
    type(None),
    bool,
    int,
    float,
    str,
    bytes,
    slice,
    torch.Size,
    torch.dtype,
    torch.device,
    np.generic,
)
_SEQUENCES = (list, tuple, set)
_MAPPINGS = (dict, OrderedDict, Counter)
_DEPTH = 50  # legitimate checkpoints have only a few levels


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, _MAPPINGS):
        yield from value
        yield from value.values()
        yield from getattr(value, '__dict__', {}).values()  # versions of modules
    elif isinstance(value, _SEQUENCES):
        yield from value


def _tensor_fault(value: Tensor) -> str | None:
    if value.layout is not torch.strided or value.is_quantized or value.is_meta:
        return 'a sparse, quantized or empty tensor'
    # as for an expanded tensor, which is stored in a few bytes
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        return f'a tensor of shape {tuple(value.shape)} whose values are missing'
    return None


def _value_fault(value: Any) -> str | None:
    """Return why a value, without its contents, is not plain data."""
    # attributes would replace methods of the same name
    if (
        vars(value).keys() - {'_metadata'}
        if isinstance(value, (Tensor, OrderedDict, Counter))
        else ()
    ):
        return f'a {type(value).__name__} with attributes of its own'
    if isinstance(value, Tensor):
        return _tensor_fault(value)
    if isinstance(value, np.ndarray):
        return 'an array of objects' if value.dtype.hasobject else None
    if isinstance(value, HistoryBuffer):
        return _history_fault(value)
    if isinstance(value, _PLAIN + _SEQUENCES + _MAPPINGS):
        return None
    return f'a {type(value).__name__}, which is not plain data'


def _history_fault(history: HistoryBuffer) -> str | None:
    """Return why a history of a logged value is invalid."""
    values, counts = (
        history.__dict__.get(key) for key in ('_log_history', '_count_history')
    )
    sound = (
        isinstance(values, np.ndarray)
        and isinstance(counts, np.ndarray)
        and values.shape == counts.shape
        and values.ndim == 1
        and values.dtype.kind in 'fiu'
        and counts.dtype.kind in 'fiu'
        and is_count(history.__dict__.get('max_length'))
    )
    # an attribute of the instance would be called in place of the method
    methods = history.__dict__.keys() - {
        '_log_history',
        '_count_history',
        'max_length',
        '_statistics_methods',
    }
    return None if sound and not methods else 'a broken history of a logged value'


def plain_fault(root: Any) -> str | None:
    """Return what in a loaded object is not plain data, or ``None`` if all is.

    Args:
        root (Any): Containers of numbers, texts, arrays and tensors.
    """
    level = [root]
    for _ in range(_DEPTH):
        children, seen = [], set()
        for value in level:
            fault = _value_fault(value)
            if fault:
                return f'it holds {fault}'
            for child in _children(value):
                # once per level: an object that contains itself reaches the last level
                if not isinstance(child, _PLAIN) and id(child) not in seen:
                    seen.add(id(child))
                    children.append(child)
        level = children
        if not level:
            return None
    return f'its containers are nested more than {_DEPTH} deep'


def is_count(value: Any) -> bool:
    """Return whether a value is a non-negative integer that counts something."""
    return is_id(value) and value >= 0


def _named(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


def _meta_fault(meta: dict) -> str | None:
    counts = {key: meta[key] for key in ('epoch', 'iter') if key in meta}
    for key, value in counts.items():
        if not (is_count(value) and value < 2**40):
            return f'meta.{key} is {_shown(value)}; expected a number from 0'
    seed = meta.get('seed')
    if seed is not None and not (is_count(seed) and seed < 2**32):
        return f'meta.seed is {_shown(seed)}; expected a number from 0 to 2**32 - 1'
    size = meta.get(PIXEL_SIZE_KEY)
    if size is not None and not (isinstance(size, float) and 0 < size < inf):
        return f'meta.{PIXEL_SIZE_KEY} is {_shown(size)}; expected millimetres'
    of_data = meta.get('dataset_meta')
    if of_data is not None and not _named(of_data):
        return f'meta.dataset_meta is {_shown(of_data)}; expected settings by name'
    for owner in (of_data or {}, meta):
        for key in ('classes', 'CLASSES'):
            classes = owner.get(key)
            names = [classes] if isinstance(classes, str) else classes
            if names is not None and not (
                isinstance(names, (list, tuple))
                and all(isinstance(name, str) for name in names)
            ):
                return f'{key} are {_shown(classes)}; expected names'
    return None


def _shown(value: Any) -> str:
    """Return a number or short text unchanged, and the type of anything else."""
    if (
        isinstance(value, (bool, float, type(None)))
        or (isinstance(value, int) and abs(value) < 2**64)
        or (isinstance(value, str) and len(value) < 40)
    ):
        return repr(value)
    return f'a {type(value).__name__}'


def _versions_fault(state: Any) -> str | None:
    """Return why the module versions of a state dict are invalid."""
    versions = getattr(state, '_metadata', None) or {}
    sound = _named(versions) and all(
        _named(each) and is_count(each.get('version', 0)) for each in versions.values()
    )
    return None if sound else 'state_dict._metadata are not versions of modules'


def form_fault(checkpoint: Any) -> str | None:
    """Return why a loaded object is not a checkpoint, or ``None`` if it is.

    Args:
        checkpoint (Any): Content of a file: a checkpoint of MMEngine, or weights by
            name.
    """
    if not isinstance(checkpoint, dict):
        return f'it holds a {type(checkpoint).__name__}'
    for key in (
        'state_dict',
        'ema_state_dict',
        'meta',
        'message_hub',
        'stage',
        'random_state',
    ):
        value = checkpoint.get(key)
        if value is not None and not _named(value):
            return (
                f'{key} has keys that are not names'
                if isinstance(value, dict)
                else f'{key} is a {type(value).__name__}; expected values by name'
            )
    state = checkpoint.get('state_dict', checkpoint)
    if not _named(state):
        return 'its keys are not names of weights'
    return _versions_fault(state) or _meta_fault(checkpoint.get('meta') or {})
