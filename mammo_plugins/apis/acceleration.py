"""How a training makes use of a GPU: number format, kernels, memory."""

from collections.abc import Iterator

import torch
from mmengine.config import Config, ConfigDict

from mammo_plugins.registry import type_name

from .config_loading import ConfigError

PRECISIONS = ('auto', 'bf16', 'fp16', 'fp32')
# what each number format asks of an optimiser's wrapper
_WRAPPERS = dict(
    bf16=dict(type='mammo.BFloat16OptimWrapper'),
    fp16=dict(type='AmpOptimWrapper', loss_scale='dynamic'),
    fp32=dict(type='OptimWrapper'),
)
# PyTorch's fused SGD fails where a weight gets its first gradient late
_FUSED = ('Adam', 'AdamW')
_OF_LOOPS = ('fused', 'foreach', 'differentiable')  # they exclude each other


def best_precision() -> str:
    """Return the number format that is best on this machine: 'bf16' or 'fp32'.

    bfloat16 has the range of float32 and needs no scaling of losses, but GPUs before
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

    ``cfg.acceleration`` says how: ``precision``, and the arguments of
    :class:`~mammo_plugins.engine.hooks.AccelerationHook`. On a GPU, Adam and AdamW are
    PyTorch's fused ones.

    Args:
        cfg (Config): Changed in place.
        precision (str, optional): One of :data:`PRECISIONS`, in place of the config's.
            'auto' is :func:`best_precision`, and leaves alone a wrapper of a type with
            a number format of its own.
        compile (bool): Whether to compile, whatever the config says. Defaults to
            False.

    Raises:
        ConfigError: If the precision is unknown, or not possible here.
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
    if precision == 'fp16' and not on_gpu:
        raise ConfigError(
            '--precision fp16 (--amp): float16 needs a GPU and there is '
            'none here; train with --precision fp32 or bf16'
        )
    for wrapper in _optim_wrappers(cfg):
        wrapper.setdefault('type', 'OptimWrapper')
        kind = type_name(wrapper)
        if precision == 'auto':
            # the second is of a config that a training has written
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
        optimizer = wrapper.get('optimizer') or {}  # where each stage has its own
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


def _optim_wrappers(cfg: Config) -> Iterator[ConfigDict]:
    """Yield all optimisers' wrappers of a config, of stages and of parts too."""
    stages = cfg.train_cfg.get('stages') or {}
    own = [
        stage.optim_wrapper for stage in stages.values() if stage.get('optim_wrapper')
    ]
    for wrapper in filter(None, [cfg.get('optim_wrapper'), *own]):
        # several optimisers, each of a part of the model
        parts = [
            part
            for part in wrapper.values()
            if isinstance(part, dict) and 'optimizer' in part
        ]
        yield from parts or [wrapper]
