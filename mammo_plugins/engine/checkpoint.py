"""Checkpoints: loaded without running code, and of the right model."""
import logging
import os.path as osp
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Callable, Iterator, List, Tuple

import torch
from mmengine.logging import HistoryBuffer, print_log
from mmengine.runner import checkpoint as mmengine_checkpoint
from torch import nn

_PRETRAINED = ('Pretrained', 'PretrainedInit')


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message says why and what to do."""


def _history_statistic(owner: type, name: str) -> Callable:
    """Stand in for ``getattr`` in checkpoints, for its one honest use there."""
    if owner is HistoryBuffer and name in ('min', 'max', 'mean', 'current'):
        return getattr(owner, name)
    raise UnpicklingError(f'getattr of {name!r}')


def _safe_globals() -> list:
    """What MMEngine's checkpoints hold besides weights, but no ``getattr``.

    MMEngine allows the real one, by which a file can reach ``eval``.
    """
    allowed = [entry for entry in mmengine_checkpoint.get_torch_safe_globals()
               if entry is not getattr]
    return allowed + [(_history_statistic, 'builtins.getattr')]


def _load_weights_only(file, map_location=None, weights_only=None) -> Any:
    """Stand in for MMEngine's loader, without its fallback to pickle."""
    if isinstance(file, (str, Path)):
        with open(file, 'rb') as start:
            if start.read(1) not in (b'P', b'\x80'):  # a zip archive, a pickle
                raise CheckpointError(f'{file}: not a readable checkpoint (neither '
                                      'an archive nor a pickle)')
    try:
        with torch.serialization.safe_globals(_safe_globals()):
            return torch.load(file, map_location=map_location, weights_only=True)
    except UnpicklingError as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f'{file}: refused, it holds more than weights and plain data, and '
            f'loading it would run code of whoever wrote it ({reason}). If you '
            'trust its origin, pass --trust-checkpoint') from None
    except (RuntimeError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else 'empty file'
        raise CheckpointError(f'{file}: not a readable checkpoint ({reason}); '
                              'it may be truncated, copy it again or take an '
                              'earlier one') from None


def refuse_unsafe_checkpoints() -> None:
    """Make MMEngine load checkpoints with ``weights_only=True`` or not at all.

    MMEngine tries that first but falls back to unrestricted pickle with a mere
    warning. Our tools call this unless ``--trust-checkpoint`` is given.
    """
    mmengine_checkpoint._safe_torch_load = _load_weights_only
    mmengine_checkpoint.load_url = partial(
        torch.hub.load_state_dict_from_url, weights_only=True)


def load_checkpoint_into(model: nn.Module,
                         path: str,
                         trust: bool = False) -> dict:
    """Load a checkpoint that must fit the model exactly.

    Args:
        model (nn.Module): The model.
        path (str): A local file.
        trust (bool): Whether to load a file that holds more than weights and plain
            data, which runs code from it. Defaults to False.

    Returns:
        dict: The checkpoint, with its ``meta``.

    Raises:
        CheckpointError: If there is no such file, or it is not this model's.
    """
    if not osp.isfile(path):
        raise CheckpointError(
            f'{path}: no such checkpoint; give the .pth file that tools/train.py '
            'wrote (work_dirs/<config>/epoch_<N>.pth)')
    checkpoint = torch.load(
        path, 'cpu', weights_only=False) if trust else _load_weights_only(
            path, 'cpu')
    check_state_dict(model, checkpoint, path)
    mmengine_checkpoint.load_state_dict(
        model, own_keys(model, _state_dict(checkpoint)))
    return checkpoint


def plain_key(key: str) -> str:
    """Return the name of a weight without the wrappers of distributed training.

    Args:
        key (str): Such as 'module.backbone.conv1.weight', or
            'generator.module.last.weight' where parts are wrapped.
    """
    return '.'.join(part for part in key.split('.') if part != 'module')


def own_keys(model: nn.Module, state: dict) -> dict:
    """Return a state dict with the names that a model has for its weights.

    Args:
        model (nn.Module): Wrapped or not, as a whole or in parts.
        state (dict): Of such a model, with names as of :func:`plain_key` or not.
    """
    names = {plain_key(key): key for key in model.state_dict()}
    return {names.get(plain_key(key), key): value for key, value in state.items()}


def _state_dict(checkpoint: dict) -> dict:
    state = checkpoint.get('state_dict', checkpoint)
    return {plain_key(key): value for key, value in state.items()}


def _listed(name: str, keys: List[str]) -> str:
    if not keys:
        return ''
    more = f', and {len(keys) - 5} more' if len(keys) > 5 else ''
    return f'\n  {len(keys)} {name}: {", ".join(keys[:5])}{more}'


def check_state_dict(model: nn.Module, checkpoint: Any, name: str) -> None:
    """Check that a checkpoint holds just the model's weights.

    Args:
        model (nn.Module): The model.
        checkpoint (dict): A loaded checkpoint.
        name (str): What to call it in the error.

    Raises:
        CheckpointError: With the keys that are missing, unknown or of another
            shape.
    """
    if not isinstance(checkpoint, dict):
        raise CheckpointError(f'{name}: holds a {type(checkpoint).__name__}; '
                              'expected a checkpoint of MMEngine')
    given, expected = _state_dict(checkpoint), _state_dict(model.state_dict())
    missing = [key for key in expected if key not in given]
    unknown = [key for key in given if key not in expected]
    reshaped = [
        f'{key} {tuple(given[key].shape)} for {tuple(value.shape)}'
        for key, value in expected.items()
        if key in given and getattr(given[key], 'shape', None) != value.shape
    ]
    if missing or unknown or reshaped:
        raise CheckpointError(
            f'{name}: these are not the weights of the configured model '
            f'({type(model).__name__}); use the config it was trained with'
            + _listed('weights missing', missing)
            + _listed('weights unknown to the model', unknown)
            + _listed('weights of another shape', reshaped))


def warn_of_later_stages(checkpoint: dict, name: str) -> None:
    """Warn of weights that were saved before the last stage of their training.

    Args:
        checkpoint (dict): A loaded checkpoint; those of
            :class:`~mammo_plugins.engine.loops.StagedTrainLoop` tell their stage.
        name (str): What to call it in the warning.
    """
    stage = checkpoint.get('stage', {})
    if stage.get('later'):
        print_log(
            f'{name}: saved in the stage {stage["name"]}, before '
            f'{", ".join(stage["later"])}; what is trained there is as it was at the '
            'beginning, and so is what it predicts', logger='current',
            level=logging.WARNING)


def _pretrained_files(value: Any, where: str) -> Iterator[Tuple[str, str]]:
    """Yield (field, path) of each local file that a model config names."""
    if isinstance(value, dict):
        path = value.get('checkpoint')
        if value.get('type') in _PRETRAINED and \
                isinstance(path, str) and '://' not in path:
            yield f'{where}.checkpoint', path
        for key, item in value.items():
            yield from _pretrained_files(item, f'{where}.{key}')
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _pretrained_files(item, f'{where}[{i}]')


def check_pretrained_files(model_cfg: dict) -> None:
    """Check that the weight files a model starts from are there.

    Args:
        model_cfg (dict): ``cfg.model``.

    Raises:
        CheckpointError: Naming the file, the field and what to do.
    """
    for field, path in _pretrained_files(model_cfg, 'model'):
        if not osp.isfile(osp.expanduser(path)):
            init_cfg = field[:-len('.checkpoint')]
            raise CheckpointError(
                f'{field}: {path}: no such file. Nothing is downloaded at run '
                'time: fetch the pretrained weights once '
                '(docs/how_to/pretrained_weights.md) and put them there, or '
                f'train from scratch with --cfg-options {init_cfg}=None')


def drop_pretrained_files(cfg: Any) -> None:
    """Forget the weight files a model starts from, for a run that is resumed.

    Args:
        cfg (dict): ``cfg.model``, changed in place.
    """
    if isinstance(cfg, dict):
        init_cfg = cfg.get('init_cfg')
        if isinstance(init_cfg, dict) and init_cfg.get('type') in _PRETRAINED:
            cfg['init_cfg'] = None
    for value in cfg.values() if isinstance(cfg, dict) else cfg:
        if isinstance(value, (dict, list, tuple)):
            drop_pretrained_files(value)
