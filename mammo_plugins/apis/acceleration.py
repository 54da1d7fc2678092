"""How training and prediction use a GPU: number format, kernels, memory."""

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from torch import nn

from mammo_plugins.engine.half_precision import in_float32, keep_places_in_float32
from mammo_plugins.registry import type_name

from .config_loading import ConfigError

PRECISIONS = ('auto', 'bf16', 'fp16', 'fp32')
# what each number format requires of an optimizer's wrapper
_WRAPPERS = dict(
    bf16=dict(type='mammo.BFloat16OptimWrapper'),
    fp16=dict(type='AmpOptimWrapper', loss_scale='dynamic'),
    fp32=dict(type='OptimWrapper'),
)
_HALVES = dict(bf16=torch.bfloat16, fp16=torch.float16)
# PyTorch's fused SGD fails if a weight gets its first gradient late
_FUSED = ('Adam', 'AdamW')
_OF_LOOPS = ('fused', 'foreach', 'differentiable')  # they exclude each other


def best_precision() -> str:
    """Return the number format that is best on this machine: 'bf16' or 'fp32'.

    bfloat16 has the range of float32 and needs no loss scaling, but GPUs before
    Ampere only emulate it.
    """
    fast = torch.cuda.is_available() and torch.cuda.is_bf16_supported(
        including_emulation=False
    )
    return 'bf16' if fast else 'fp32'


def accelerate(
    cfg: Config, precision: str | None = None, compile: bool = False
) -> None:
    """Prepare a config for the machine that trains it.

    ``cfg.acceleration`` sets ``precision`` and the arguments of
    :class:`~mammo_plugins.engine.hooks.AccelerationHook`. On a GPU, Adam and AdamW use
    PyTorch's fused implementation.

    Args:
        cfg (Config): Changed in place.
        precision (str, optional): One of :data:`PRECISIONS`, instead of the config's.
            'auto' means :func:`best_precision`, and leaves a wrapper whose type has its
            own number format unchanged.
        compile (bool): Whether to compile, regardless of the config. Defaults to False.

    Raises:
        ConfigError: If the precision is unknown, or not supported here.
    """
    settings = dict(cfg.get('acceleration') or {})
    if compile:
        settings['compile'] = True
    precision = precision or settings.get('precision') or 'auto'
    if precision not in PRECISIONS:
        raise ConfigError(
            f'acceleration.precision: {precision!r}; expected one of '
            f'{", ".join(PRECISIONS)}'
        )
    on_gpu = torch.cuda.is_available()
    _refuse_float16_without(on_gpu, precision)
    for wrapper in _optim_wrappers(cfg):
        wrapper.setdefault('type', 'OptimWrapper')
        kind = type_name(wrapper)
        if precision == 'auto':
            # the second form is that of a config written by a training
            if kind in ('OptimWrapper', 'BFloat16OptimWrapper'):
                wrapper.update(_WRAPPERS[best_precision()])
        elif kind not in map(type_name, _WRAPPERS.values()):
            raise ConfigError(
                f'optim_wrapper.type: {wrapper.type} has a number format of its own; '
                f'expected OptimWrapper with --precision {precision}'
            )
        else:
            for key in ('loss_scale', 'dtype'):
                wrapper.pop(key, None)
            wrapper.update(_WRAPPERS[precision])
        optimizer = wrapper.get('optimizer') or {}  # missing if each stage has its own
        if (
            on_gpu
            and type_name(optimizer) in _FUSED
            and not any(key in optimizer for key in _OF_LOOPS)
        ):
            optimizer.fused = True
    settings['precision'] = precision
    cfg.acceleration = settings
    hook = {key: value for key, value in settings.items() if key != 'precision'}
    cfg.setdefault('default_hooks', {})
    cfg.default_hooks.acceleration = dict(hook, type='mammo.AccelerationHook')


def _refuse_float16_without(gpu: bool, precision: str) -> None:
    if precision == 'fp16' and not gpu:
        raise ConfigError(
            '--precision fp16 (--amp): float16 needs a GPU and there is none '
            'here; use --precision fp32 or bf16'
        )


def predict_in(model: nn.Module, precision: str) -> str:
    """Set the number format in which a model predicts, as in training.

    Products and convolutions are in half precision, weights and sensitive operations in
    float32, features channels last. Scores and boxes are returned in float32.

    Args:
        model (nn.Module): Changed in place; must be on the device of the prediction.
        precision (str): One of :data:`PRECISIONS`; 'fp32' changes nothing, 'auto' is
            :func:`best_precision` on a GPU and 'fp32' on a CPU.

    Returns:
        str: The number format used, 'bf16', 'fp16' or 'fp32'.

    Raises:
        ConfigError: If the number format is unknown, or not supported on the device.
    """
    if precision not in PRECISIONS:
        raise ConfigError(
            f'precision: {precision!r}; expected one of {", ".join(PRECISIONS)}'
        )
    device = next(model.parameters()).device.type
    _refuse_float16_without(device == 'cuda', precision)
    if precision == 'auto':
        precision = best_precision() if device == 'cuda' else 'fp32'
    if precision in _HALVES:
        model.to(memory_format=torch.channels_last)
        keep_places_in_float32(model)
        forward, dtype = model.forward, _HALVES[precision]

        def in_half(*args: Any, **kwargs: Any) -> Any:
            with torch.autocast(device, dtype):
                return in_float32(forward(*args, **kwargs))

        model.forward = in_half
    return precision


def _optim_wrappers(cfg: Config) -> Iterator[ConfigDict]:
    """Yield all optimizer wrappers of a config, including those of stages and parts."""
    stages = cfg.train_cfg.get('stages') or {}
    own = [
        stage.optim_wrapper for stage in stages.values() if stage.get('optim_wrapper')
    ]
    for wrapper in filter(None, [cfg.get('optim_wrapper'), *own]):
        # several optimizers, one for each part of the model
        parts = [
            part
            for part in wrapper.values()
            if isinstance(part, dict) and 'optimizer' in part
        ]
        yield from parts or [wrapper]
