"""Load checkpoints without running code from them; check that they fit the model."""

import logging
import os
import os.path as osp
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from mmengine.logging import HistoryBuffer, print_log
from mmengine.runner import checkpoint as mmengine_checkpoint
from torch import Tensor, nn

from mammo_plugins.engine.checkpoint_content import form_fault, plain_fault
from mammo_plugins.io import irregular_kind


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message states why and what to do."""


def require_file(path: str, what: str) -> None:
    """Raise :class:`CheckpointError` if a file is missing or is not a file.

    Args:
        path (str): The file.
        what (str): Description for the message.
    """
    if not osp.exists(path):
        raise CheckpointError(f'{path}: no such {what}')
    kind = irregular_kind(os.stat(path).st_mode)
    if kind:
        raise CheckpointError(f'{path}: is {kind}, not a {what}')


def _history_statistic(owner: type, name: str) -> Callable:
    """Replace ``getattr`` in checkpoints, for its only legitimate use there."""
    if owner is HistoryBuffer and name in ('min', 'max', 'mean', 'current'):
        return getattr(owner, name)
    raise UnpicklingError(f'getattr of {name!r}')


def _safe_globals() -> list:
    """Return the types in MMEngine's checkpoints besides weights, without ``getattr``.

    MMEngine allows the real ``getattr``, through which a file can reach ``eval``.
    """
    allowed = [
        entry
        for entry in mmengine_checkpoint.get_torch_safe_globals()
        if entry is not getattr
    ]
    return allowed + [(_history_statistic, 'builtins.getattr')]


def _check_archive(path: str | Path) -> None:
    """Raise for damage that PyTorch ignores, and for content that it never writes."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            # a small file must not expand to a large one
            inflated = sum(entry.file_size for entry in entries) > osp.getsize(
                path
            ) or any(entry.compress_type for entry in entries)
            damaged = None if inflated else archive.testzip()
    except Exception as error:  # zipfile may raise almost anything on damage
        raise _unreadable(path, error) from None
    if inflated:
        raise CheckpointError(
            f'{path}: a compressed archive, which torch.save does '
            'not write; unpack it, or save it with torch.save'
        )
    if damaged is not None:
        raise CheckpointError(
            f'{path}: damaged: the checksum of {damaged} does not match; copy it '
            'again or use an earlier one'
        )


def _unreadable(file: Any, error: Exception) -> CheckpointError:
    reason = str(error).partition('\n')[0] or type(error).__name__
    return CheckpointError(
        f'{file}: not a readable checkpoint ({reason}); it may be truncated; copy '
        'it again or use an earlier one'
    )


def _load_weights_only(file, map_location=None, weights_only=None) -> Any:
    """Replace MMEngine's loader, without its fallback to pickle."""
    if isinstance(file, (str, Path)):
        with open(file, 'rb') as start:
            first = start.read(1)
        if first not in (b'P', b'\x80'):  # a zip archive, a pickle
            raise CheckpointError(
                f'{file}: not a readable checkpoint (neither an archive nor a pickle)'
            )
        if first == b'P':
            _check_archive(file)
    try:
        with torch.serialization.safe_globals(_safe_globals()):
            checkpoint = torch.load(file, map_location=map_location, weights_only=True)
    except UnpicklingError as error:
        # follows PyTorch's advice on how to load it nevertheless
        reason = str(error).rpartition('error: ')[2].partition('. ')[0].strip()
        raise CheckpointError(
            f'{file}: rejected, because it contains more than weights and plain '
            f"data, and loading it could run its author's code ({reason}). If you "
            'trust the source, pass --trust-checkpoint'
        ) from None
    except Exception as error:  # a damaged pickle may raise anything
        raise _unreadable(file, error) from None
    fault = plain_fault(checkpoint) or form_fault(checkpoint)
    if fault:
        raise CheckpointError(
            f'{file}: {fault}; this is not an MMEngine checkpoint; use the file '
            'that the training wrote'
        )
    return checkpoint


def refuse_unsafe_checkpoints() -> None:
    """Make MMEngine load checkpoints only with ``weights_only=True``.

    MMEngine tries that first, but falls back to unrestricted pickle with only a
    warning. Our tools call this unless ``--trust-checkpoint`` is given.
    """
    mmengine_checkpoint._safe_torch_load = _load_weights_only
    mmengine_checkpoint.load_url = partial(
        torch.hub.load_state_dict_from_url, weights_only=True
    )


def load_checkpoint_into(model: nn.Module, path: str, trust: bool = False) -> dict:
    """Load a checkpoint that must fit the model exactly.

    Args:
        model (nn.Module): The model.
        path (str): A local file.
        trust (bool): Whether to load a file that contains more than weights and plain
            data, which runs code from it. Defaults to False.

    Returns:
        dict: The checkpoint, with its ``meta``.

    Raises:
        CheckpointError: If there is no such file, or it does not fit the model.
    """
    if not osp.isfile(path):
        raise CheckpointError(
            f'{path}: no such checkpoint; give the .pth file that mammo train '
            'wrote (work_dirs/<config>/epoch_<N>.pth)'
        )
    checkpoint = (
        torch.load(path, 'cpu', weights_only=False)
        if trust
        else _load_weights_only(path, 'cpu')
    )
    check_state_dict(model, checkpoint, path)
    keep_weights(model, checkpoint)
    mmengine_checkpoint.load_state_dict(model, checkpoint['state_dict'])
    return checkpoint


def plain_key(key: str) -> str:
    """Return the name of a weight without the wrappers of distributed training.

    Args:
        key (str): Such as 'module.backbone.conv1.weight', or
            'generator.module.last.weight' if parts are wrapped.
    """
    return '.'.join(part for part in key.split('.') if part != 'module')


def own_keys(model: nn.Module, state: dict) -> dict:
    """Return a state dict with the weight names of a model.

    Args:
        model (nn.Module): Wrapped or not, as a whole or in parts.
        state (dict): State dict of such a model, with names with or without wrappers.
    """
    names = {plain_key(key): key for key in model.state_dict()}
    return {names.get(plain_key(key), key): value for key, value in state.items()}


def _state_dict(checkpoint: dict) -> dict:
    state = checkpoint.get('state_dict', checkpoint)
    return {plain_key(key): value for key, value in state.items()}


def keep_weights(model: nn.Module, checkpoint: dict) -> None:
    """Reduce a checkpoint's weights to what was checked, so that MMEngine loads that.

    Weights get the names of the model, which MMEngine compares literally. Of the
    metadata only the versions of modules are kept, since other entries can make PyTorch
    replace parameters by tensors that the optimizer does not know.

    Args:
        model (nn.Module): The model.
        checkpoint (dict): A checkpoint, or weights by name; changed in place.
    """
    state = checkpoint.get('state_dict', checkpoint)
    kept = OrderedDict(own_keys(model, dict(state)))
    kept._metadata = OrderedDict(
        (name, {key: value for key, value in facts.items() if key == 'version'})
        for name, facts in getattr(state, '_metadata', {}).items()
    )
    if 'state_dict' not in checkpoint:  # bare weights
        checkpoint.clear()
    checkpoint['state_dict'] = kept


def _check_form(checkpoint: Any, name: str) -> None:
    fault = form_fault(checkpoint)
    if fault:
        raise CheckpointError(f'{name}: {fault}; expected a checkpoint of MMEngine')


def _shape(value: Any) -> tuple | str:
    """Return the shape of a weight, or the type of anything else."""
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__


def _kind(value: Tensor) -> str:
    """Return the kind of a tensor's numbers: real, or other."""
    return (
        'real'
        if value.is_floating_point()
        else (
            'whole'
            if not value.is_complex() and value.dtype != torch.bool
            else str(value.dtype)
        )
    )


def listed(keys: Sequence[str]) -> str:
    """Return the first names as text, and the number of remaining ones."""
    more = f', and {len(keys) - 5} more' if len(keys) > 5 else ''
    return ', '.join(keys[:5]) + more or 'none'


def _listed(name: str, keys: list[str]) -> str:
    return f'; {len(keys)} {name}: {listed(keys)}' if keys else ''


def _own_config(name: str) -> str:
    """Return a hint at a checkpoint's config, which its training writes next to it."""
    beside = sorted(Path(name).parent.glob('*.py')) if Path(name).is_file() else []
    if not beside:
        return (
            'use the config of its training, saved in its work directory with '
            'its --cfg-options'
        )
    return 'use the config of its training, with its --cfg-options: ' + ' or '.join(
        map(str, beside[:3])
    )


def check_state_dict(model: nn.Module, checkpoint: Any, name: str) -> None:
    """Check that a checkpoint contains exactly the model's weights, all finite.

    Args:
        model (nn.Module): The model.
        checkpoint (dict): A loaded checkpoint.
        name (str): Name of the checkpoint in the error.

    Raises:
        CheckpointError: With the keys that are missing, unknown, of another shape or
            not finite.
    """
    _check_form(checkpoint, name)
    given, expected = _state_dict(checkpoint), _state_dict(model.state_dict())
    missing = [key for key in expected if key not in given]
    unknown = [key for key in given if key not in expected]
    reshaped = [
        f'{key} {_shape(given[key])} for {_shape(value)}'
        for key, value in expected.items()
        if key in given and _shape(given[key]) != _shape(value)
    ]
    if missing or unknown or reshaped:
        raise CheckpointError(
            f'{name}: these are not the weights of the configured model '
            f'({type(model).__name__}); {_own_config(name)}'
            + _listed('weights missing', missing)
            + _listed('weights unknown to the model', unknown)
            + _listed('weights of another shape', reshaped)
        )
    others = [
        f'{key} {given[key].dtype} for {value.dtype}'
        for key, value in expected.items()
        if _kind(given[key]) != _kind(value)
    ]
    if others:
        raise CheckpointError(
            (
                f'{name}: the data type of its weights differs from the one that the '
                f'model ({type(model).__name__}) calculates with'
            )
            + _listed('such weights', others)
        )
    # in the model's number format: a value finite in 64 bits may not be so in 32
    check_finite(
        {key: given[key].to(value.dtype) for key, value in expected.items()}, name
    )


def check_finite(weights: Mapping[str, Any], name: str) -> None:
    """Check that all weights are finite.

    Args:
        weights (dict[str, Tensor]): By name.
        name (str): Description of the weights in the error.

    Raises:
        CheckpointError: With the first weight that contains NaN or infinite values.
    """
    for key, value in weights.items():
        if not isinstance(value, Tensor) or not value.is_floating_point():
            continue
        finite = torch.isfinite(value if value.element_size() > 1 else value.float())
        if not finite.all():
            count = int((~finite).sum())
            raise CheckpointError(
                f'{name}: {key}: {count} of {value.numel()} values are NaN or '
                'infinite: its training diverged or the file is damaged; use an '
                'earlier checkpoint'
            )


def check_fits_partly(model: nn.Module, checkpoint: Any, name: str) -> None:
    """Check that training can start from a checkpoint that may fit only in parts.

    Args:
        model (nn.Module): The model.
        checkpoint (dict): A loaded checkpoint.
        name (str): Name of the checkpoint in the error.

    Raises:
        CheckpointError: If no weight fits, or one is not finite.
    """
    _check_form(checkpoint, name)
    given, expected = _state_dict(checkpoint), _state_dict(model.state_dict())
    if not any(
        _shape(given[key]) == _shape(value)
        for key, value in expected.items()
        if key in given
    ):
        raise CheckpointError(
            f'{name}: no weight fits the configured model ({type(model).__name__})'
            + _listed('weights of the checkpoint', list(given))
            + _listed('weights of the model', list(expected))
        )
    check_finite(given, name)


def warn_of_later_stages(checkpoint: dict, name: str) -> None:
    """Warn about weights that were saved before the last stage of their training.

    Args:
        checkpoint (dict): A loaded checkpoint; those of
            :class:`~mammo_plugins.engine.loops.StagedTrainLoop` contain their stage.
        name (str): Name of the checkpoint in the warning.
    """
    stage = checkpoint.get('stage', {})
    if stage.get('later'):
        print_log(
            f'{name}: saved in the stage {stage["name"]}, before '
            f'{", ".join(stage["later"])}; the parts trained there are still '
            'untrained, and so are their predictions',
            logger='current',
            level=logging.WARNING,
        )
