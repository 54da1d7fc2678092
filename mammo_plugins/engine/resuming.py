"""Check the content of a checkpoint before training resumes from it."""

import os.path as osp
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.optim import Optimizer

from mammo_plugins.engine.checkpoint import CheckpointError, check_finite
from mammo_plugins.engine.checkpoint_content import is_count
from mammo_plugins.engine.work_dir import checkpoint_folder
from mammo_plugins.structures.fields import is_number

# states that optimizers keep for each single weight
_OF_EACH_WEIGHT = {
    'momentum_buffer',
    'exp_avg',
    'exp_avg_sq',
    'max_exp_avg_sq',
    'exp_inf',
    'square_avg',
    'grad_avg',
    'acc_delta',
    'sum',
}
# settings that PyTorch adds to states from versions without them
_OF_LATER_VERSIONS = {
    'maximize',
    'foreach',
    'fused',
    'differentiable',
    'capturable',
    'decoupled_weight_decay',
}


def checkpoint_folders(runner: Runner) -> list[str]:
    """Return the folders of a run's checkpoints: its work dir, and ``out_dir`` if set.

    Args:
        runner (Runner): The runner, before or during training.
    """
    folders = [runner.work_dir]
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and hook.out_dir is not None:
            folders.append(str(checkpoint_folder(runner.work_dir, hook.out_dir)))
    return folders


def prepare_resuming(checkpoint: dict, folders: Sequence[str], name: str) -> list[str]:
    """Make a checkpoint safe to resume from, and refuse an invalid one.

    MMEngine executes ``meta['config']`` and deletes the file that the message hub names
    as the best checkpoint. The former is dropped. The latter must be a best checkpoint
    in the run's own folder, which may have been moved.

    Args:
        checkpoint (dict): As loaded, changed in place.
        folders (Sequence[str]): From :func:`checkpoint_folders`.
        name (str): Name of the checkpoint in messages.

    Returns:
        list[str]: Warnings.

    Raises:
        CheckpointError: If training cannot resume from it.
    """
    meta, hub = checkpoint.get('meta') or {}, checkpoint.get('message_hub')
    lacking = [f'meta.{key}' for key in ('epoch', 'iter') if key not in meta]
    lacking += ['message_hub'] if hub is None else []
    if lacking:
        raise CheckpointError(
            f'{name}: has no {", ".join(lacking)}: weights alone, from which '
            'training cannot resume; to start a training with them, set '
            'load_from to it without --resume'
        )
    meta.pop('config', None)
    fault = _hub_fault(hub)
    if fault:
        raise CheckpointError(
            f'{name}: message_hub{fault}; the file is damaged, use an earlier '
            'checkpoint'
        )
    for history in hub['log_scalars'].values():
        vars(history).pop('_statistics_methods', None)  # those of the class are used
    check_finite(checkpoint.get('ema_state_dict') or {}, name)
    warnings = list(_keep_own_files(hub['runtime_info'], folders, name))
    # all content of a checkpoint is resumed, whatever the file itself marks
    hub['resumed_keys'] = dict.fromkeys(
        (*hub['log_scalars'], *hub['runtime_info']), True
    )
    if 'optimizer' not in checkpoint:
        warnings.append(
            f'{name}: has no optimizer state (a best checkpoint has none), which '
            'starts from scratch'
        )
    return warnings


def _hub_fault(hub: Mapping[str, Any]) -> str | None:
    for key in ('log_scalars', 'runtime_info', 'resumed_keys'):
        part = hub.get(key)
        if not isinstance(part, dict) or not all(isinstance(k, str) for k in part):
            return f'.{key}: expected values by name'
    for key, value in hub['log_scalars'].items():
        if not isinstance(value, HistoryBuffer):
            return f'.log_scalars.{key}: expected a history of values'
    for key, value in hub['runtime_info'].items():
        sound = True
        if key.startswith(('best_score', 'eta')):
            sound = _is_number(value)
        elif key.startswith(('best_ckpt', 'last_ckpt')):
            sound = value is None or isinstance(value, str)
        elif key == 'keep_ckpt_ids':
            sound = isinstance(value, list) and all(is_count(each) for each in value)
        if not sound:
            return f'.runtime_info.{key}: of the wrong type ({type(value).__name__})'
    return None


def _keep_own_files(
    facts: dict[str, Any], folders: Sequence[str], name: str
) -> Iterator[str]:
    """Let the message hub name only best checkpoints of this run."""
    for key in [key for key in facts if key.startswith(('best_ckpt', 'last_ckpt'))]:
        file = osp.basename(facts[key] or '')
        here = [
            osp.join(folder, file)
            for folder in folders
            if osp.isfile(osp.join(folder, file))
        ]
        if here and (file.startswith('best_') or key.startswith('last_ckpt')):
            facts[key] = here[0]
            continue
        lost = facts.pop(key)
        if lost is not None and key.startswith('best_ckpt'):
            facts.pop(key.replace('best_ckpt', 'best_score'), None)
            yield (
                f'{name}: its best checkpoint {file} is not in {folders[0]}; the '
                'best is searched for again'
            )


def _is_number(value: Any) -> bool:
    """Return whether a value is a single number, including tensors of one element."""
    if isinstance(value, Tensor):
        return value.numel() == 1
    return isinstance(value, bool) or is_number(value)


def _alike(saved: Any, own: Any) -> bool:
    """Return whether two settings are of the same kind."""
    if own is None:
        return saved is None or _is_number(saved)
    if isinstance(own, (list, tuple)):
        return (
            isinstance(saved, (list, tuple))
            and len(saved) == len(own)
            and all(map(_alike, saved, own))
        )
    if isinstance(own, dict):
        return isinstance(saved, dict) and all(
            _is_number(value) for value in (*saved, *saved.values())
        )
    if isinstance(own, str):
        return saved == own
    return _is_number(saved)


def _scheduler_fault(saved: Any, own: Any) -> str | None:
    """Compare saved states of schedulers with the schedulers of the run."""
    if isinstance(own, dict):
        if not isinstance(saved, dict) or saved.keys() != own.keys():
            return f'expected one list of schedules for each of {", ".join(own)}'
        return next(
            filter(None, (_scheduler_fault(saved[key], own[key]) for key in own)), None
        )
    if not isinstance(saved, list) or len(saved) != len(own):
        number = len(saved) if isinstance(saved, (list, dict)) else 'no list'
        return f'{number} in the checkpoint, {len(own)} in the config'
    for i, (state, scheduler) in enumerate(zip(saved, own)):
        expected, kind = scheduler.state_dict(), type(scheduler).__name__
        if not isinstance(state, dict) or state.keys() != expected.keys():
            return f'that of number {i} is not of a {kind}'
        for key, value in expected.items():
            if not _alike(state[key], value):
                return f'{key} of number {i} does not fit a {kind}'
    return None


def _optimizer_fault(saved: Any, own: OptimWrapper) -> str | None:
    """Compare the saved state of an optimizer with the optimizer of the run."""
    if isinstance(own, OptimWrapperDict):
        names = list(own.keys())
        if not isinstance(saved, dict) or list(saved) != names:
            return f'expected states of {", ".join(names)}'
        return next(
            filter(None, (_optimizer_fault(saved[name], own[name]) for name in names)),
            None,
        )
    groups, expected = (
        saved.get('param_groups') if isinstance(saved, dict) else None,
        own.optimizer.state_dict()['param_groups'],
    )
    if not isinstance(groups, list) or not isinstance(saved.get('state'), dict):
        return 'expected a state of an optimizer'
    if [_length(group) for group in groups] != [_length(group) for group in expected]:
        return (
            f'groups of {[_length(group) for group in groups]} weights, but the '
            f'config trains {[_length(group) for group in expected]}'
        )
    others = saved.get('base_param_settings'), own.base_param_settings
    for group, settings in [*zip(groups, expected)] + [others] * (
        others[0] is not None
    ):
        fault = _settings_fault(group, settings or {})
        if fault:
            return f'{fault} does not fit {type(own.optimizer).__name__}'
    if 'loss_scaler' in saved:
        scaler = getattr(own, 'loss_scaler', None)
        fault = _settings_fault(
            saved['loss_scaler'], scaler.state_dict() if scaler else {}
        )
        if fault:
            return f'loss_scaler: {fault} does not fit'
    weights = [
        weight for group in own.optimizer.param_groups for weight in group['params']
    ]
    places = dict(zip([i for group in groups for i in group['params']], weights))
    return _moments_fault(saved['state'], places, _kept_keys(own.optimizer))


def _settings_fault(saved: Any, own: Mapping[str, Any]) -> str | None:
    """Return the first setting that is missing or of another kind; add new settings."""
    if not isinstance(saved, dict):
        return 'an entry that is not a group'
    for key, value in own.items():
        if key in _OF_LATER_VERSIONS:
            saved.setdefault(key, value)
        if key != 'params' and not (key in saved and _alike(saved[key], value)):
            return f'param_groups.{key}'
    return None


def _kept_keys(optimizer: Optimizer) -> set[str] | None:
    """Return the keys of an optimizer's state per weight, ``None`` if unknown."""
    weight = nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    try:
        twin = type(optimizer)([weight], **optimizer.defaults)
        twin.step()
    except Exception:  # other optimizers, such as those that need a closure
        return None
    return set(twin.state[weight])


def _length(group: Any) -> int:
    params = group.get('params') if isinstance(group, dict) else None
    sound = isinstance(params, list) and all(is_count(place) for place in params)
    return len(params) if sound else -1


def _moments_fault(
    state: Mapping[Any, Any], weights: Mapping[Any, Tensor], keys: set[str] | None
) -> str | None:
    """Compare an optimizer's state of each weight with the weight."""
    for place, kept in state.items():
        if place not in weights or not isinstance(kept, dict):
            return 'it keeps states of weights that are not trained'
        if keys is not None and kept.keys() != keys:
            return (
                f'of weight {place} it keeps {", ".join(map(str, kept))}; expected '
                f'{", ".join(sorted(keys))}'
            )
        step = kept.get('step', 0)
        if not _is_number(step) or float(step) < 0:
            return f'step of weight {place} is not a count'
        for key, value in kept.items():
            shape = tuple(weights[place].shape)
            if (
                key in _OF_EACH_WEIGHT
                and value is not None
                and (not isinstance(value, Tensor) or tuple(value.shape) != shape)
            ):
                return f'{key} of weight {place} does not have its shape {shape}'
    return None


def check_training_state(
    checkpoint: Mapping[str, Any], runner: Runner, name: str
) -> None:
    """Check that the optimizer and schedules of a checkpoint match those of the run.

    Args:
        checkpoint (dict): As loaded.
        runner (Runner): With its optimizers and schedules built.
        name (str): Name of the checkpoint in messages.

    Raises:
        CheckpointError: If they belong to another config, or are not finite.
    """
    faults = {}
    if 'optimizer' in checkpoint:
        faults['optimizer'] = _optimizer_fault(
            checkpoint['optimizer'], runner.optim_wrapper
        )
    if 'param_schedulers' in checkpoint and runner.param_schedulers is not None:
        faults['param_schedulers'] = _scheduler_fault(
            checkpoint['param_schedulers'], runner.param_schedulers
        )
    for field, fault in faults.items():
        if fault:
            raise CheckpointError(
                f'{name}: {field}: {fault}; resume with the config of its training, or '
                'start from its weights with load_from and without --resume'
            )
    lost = []
    if runner.param_schedulers and 'param_schedulers' not in checkpoint:
        lost.append('schedules')
    if (
        'optimizer' in checkpoint
        and runner.iter
        and not _moments(checkpoint['optimizer'])
        and _keeps(runner.optim_wrapper)
    ):
        lost.append('moments of the optimizer')
    if lost:
        runner.logger.warning(
            f'{name}: holds no {" and no ".join(lost)}, which start from scratch'
        )
    if 'optimizer' in checkpoint:
        check_finite(_moments(checkpoint['optimizer']), f'{name}: optimizer')


def _keeps(own: OptimWrapper) -> bool:
    """Return whether an optimizer keeps any state of weights."""
    each = own.values() if isinstance(own, OptimWrapperDict) else [own]
    return any(_kept_keys(wrapper.optimizer) for wrapper in each)


def _moments(saved: dict) -> dict[str, Tensor]:
    """Return the state that optimizers keep of weights, by a name for messages."""
    if 'state' not in saved:  # several optimizers
        return {
            f'{name}.{key}': value
            for name, each in saved.items()
            for key, value in _moments(each).items()
        }
    return {
        f'{key} of weight {place}': value
        for place, kept in saved['state'].items()
        for key, value in kept.items()
        if isinstance(value, Tensor)
    }
