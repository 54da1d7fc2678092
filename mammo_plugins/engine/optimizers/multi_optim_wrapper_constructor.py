"""One optimizer for each part of a model."""

from mmengine.model import is_model_wrapper
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapperDict
from torch import nn

from mammo_plugins.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MultiOptimWrapperConstructor:
    """Build an ``OptimWrapperDict`` for models with several optimizers.

    Args:
        optim_wrapper_cfg (dict): The ``optim_wrapper`` of each part of the model, by
            the part's name; ``None`` leaves a part out.
        paramwise_cfg (dict, optional): As in MMEngine, for all parts.

    Example:
        >>> optim_wrapper = dict(
        ...     constructor='MultiOptimWrapperConstructor',
        ...     generator=dict(optimizer=dict(type='Adam', lr=0.0002)),
        ...     discriminator=dict(optimizer=dict(type='Adam', lr=0.0002)))
    """

    def __init__(
        self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None
    ) -> None:
        self.wrappers = optim_wrapper_cfg
        self.paramwise_cfg = paramwise_cfg

    def __call__(self, model: nn.Module) -> OptimWrapperDict:
        """Build the wrappers.

        Args:
            model (nn.Module): Model with a part of each name.

        Raises:
            ValueError: If the model lacks such a part, or has another one that learns.
        """
        if is_model_wrapper(model):
            model = model.module
        parts = dict(model.named_children())
        wrappers = {}
        for name, cfg in self.wrappers.items():
            if cfg is None:
                continue
            if name not in parts:
                raise ValueError(
                    f'optim_wrapper.{name}: {type(model).__name__} has no such part; '
                    f'there are {", ".join(parts)}'
                )
            build = DefaultOptimWrapperConstructor(
                dict(dict(type='OptimWrapper'), **cfg), self.paramwise_cfg
            )
            wrappers[name] = build(parts[name])
        for name, part in parts.items():
            if name not in wrappers and any(
                weight.requires_grad for weight in part.parameters()
            ):
                raise ValueError(
                    f'optim_wrapper.{name}: none, for a trainable part of '
                    f'{type(model).__name__}; expected a dict with an optimizer, '
                    f'or model.{name}=None too'
                )
        return OptimWrapperDict(**wrappers)
