"""Explanations of library errors that are caused by a user's setting."""

import inspect
import re
import traceback
from collections.abc import Callable
from typing import Any

import torch

from .known_settings import accepted_settings, nearest_or_all

_ALIKE = (
    'set model.data_preprocessor (num_channels; mean and std have one value, '
    'mammograms are grey) and in_channels of the backbone consistently'
)

# (type of error, pattern of its text, explanation of the match)
_KNOWN: list[tuple[type, str, Callable[[Any], str]]] = [
    (
        RuntimeError,
        r'weight of size \[\d+, (\d+), .*to have \d+ channels, but got (\d+) channels',
        lambda m: (
            (
                f'the images have {m[2]} channels, a layer of the network expects '
                f'{m[1]}: '
            )
            + _ALIKE
        ),
    ),
    (
        AssertionError,
        r'If the mean has (\d) values?, the input tensor',
        lambda m: (
            f'model.data_preprocessor has a mean of {m[1]} values, but the images '
            'have another number of channels; LoadMammogram gives one: take type='
            "'mammo.MammogramDataPreprocessor' with one mean and one std, and "
            'num_channels=3 for weights of colour images'
        ),
    ),
    (ValueError, r'^MammogramDataPreprocessor: .*', lambda m: m[0]),
    (
        ValueError,
        r'Cannot infer the rule for (?:key )?([^,]*),',
        lambda m: (
            f'save_best or monitor {m[1]}: it is unknown whether higher or lower '
            "is better; set rule='greater' (recall, AUC, Dice) or rule='less' "
            '(losses) as well (default_hooks.checkpoint.rule for save_best)'
        ),
    ),
    (
        ValueError,
        r'Expected more than 1 value per channel when training',
        lambda m: (
            'a batch of one image in training, for which batch normalization has '
            'no statistics; set train_dataloader.drop_last=True, or a batch_size '
            'that leaves no single image'
        ),
    ),
    (
        RuntimeError,
        r'Output size is too small|Kernel size can\'t be greater than',
        lambda m: (
            'the images are too small for the network, whose last layers get '
            'empty feature maps; make them larger (Resize in the pipelines)'
        ),
    ),
    (
        RuntimeError,
        r'killed by signal: Bus error',
        lambda m: (
            'a data loading process ran out of shared memory; give the container '
            'more (docker run --shm-size=8g), or set num_workers=0'
        ),
    ),
    (
        ImportError,
        # from all of MMEngine's backends
        r'^Please run "pip install (?:-U )?(?:future )?([\w-]+)" to install',
        lambda m: (
            f'visualizer.vis_backends: {m[1]} is not installed, which a backend needs: '
            f'pip install {m[1]}, or take another backend (docs/how_to/logging.md)'
        ),
    ),
    (RuntimeError, r'^Early stopping conditioned on metric .*', lambda m: m[0]),
]


def _last_locals(error: BaseException, function: str) -> dict[str, Any] | None:
    """Return the variables of the innermost call of a function in a traceback."""
    found = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name == function:
            found = frame.f_locals
    return found


def _of_best(error: Exception) -> str | None:
    """Explain a ``save_best`` metric that the validation does not compute."""
    place = _last_locals(error, '_save_best_checkpoint')
    if place is None or not isinstance(error, KeyError):
        return None
    metrics = place.get('metrics') or {}
    return (
        f'default_hooks.checkpoint.save_best: the validation has no '
        f'{error.args[0]}; it has {", ".join(sorted(metrics))}'
    )


def _of_component(error: Exception) -> str | None:
    """Explain which arguments of a config a registered class rejected."""
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    place = _last_locals(error, 'build_from_cfg')
    if place is None or not isinstance(
        error, (TypeError, ValueError, KeyError, AssertionError)
    ):
        return None
    last = len(names) - 1 - names[::-1].index('build_from_cfg')
    # functions that read files or build others do not check arguments as constructors
    # do
    if {'__init__', 'build_from_cfg'}.isdisjoint(
        names[-1:] + names[last + 1 : last + 2]
    ) or 'full_init' in names[last:]:
        return None
    hint = ''
    argument = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    component = place.get('obj_cls')
    if argument and component is not None:
        hint = nearest_or_all(argument[1], accepted_settings(component)[0])
    of = f'{component.__name__}: ' if hasattr(component, '__name__') else ''
    return f'the config does not define a valid component: {of}{error}{hint}'


def _of_call(error: Exception) -> str | None:
    """Explain a setting that a library function does not accept."""
    match = re.search(
        r"(\w+)\(\) got an unexpected keyword argument '(\w+)'", str(error)
    )
    frames = list(traceback.walk_tb(error.__traceback__))
    if not isinstance(error, TypeError) or match is None or not frames:
        return None
    place = frames[-1][0]
    if 'mammo_plugins' in place.f_globals.get('__name__', ''):
        return None  # a call in our code, not caused by a setting
    callee = {**place.f_globals, **place.f_locals}.get(match[1])
    hint = (
        nearest_or_all(match[2], accepted_settings(callee)[0])
        if (inspect.isroutine(callee))
        else ''
    )
    return f'a setting of the config is misspelt: {match[1]}() has no {match[2]}{hint}'


def explained(error: Exception) -> str | None:
    """Return a remedy for an error, ``None`` if it may be a bug.

    Args:
        error (Exception): The error, with its traceback.
    """
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return (
            'the GPU has too little memory: set a smaller batch_size, shrink '
            'images (ResizeWithin), or train with '
            'activation_checkpointing (docs/how_to/faster_training.md) '
            f'({str(error).splitlines()[0]})'
        )
    text = str(error)
    for kind, pattern, say in _KNOWN:
        match = re.search(pattern, text)
        if match and isinstance(error, kind):
            return say(match)
    return _of_best(error) or _of_component(error) or _of_call(error)
