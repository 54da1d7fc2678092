"""Faster training: memory layout, compiled kernels, activation checkpointing."""

from math import lcm

import torch
from mmengine.hooks import Hook
from mmengine.model import ImgDataPreprocessor, is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.runner import Runner
from torch import nn
from torch.utils.hooks import RemovableHandle

from mammo_plugins.engine.half_precision import keep_places_in_float32
from mammo_plugins.registry import HOOKS

COMPILED = ('backbone', 'neck')
_WITH_GRAPHS = ('reduce-overhead', 'max-autotune')  # modes of torch.compile


@HOOKS.register_module()
class AccelerationHook(Hook):
    """Train with channels last, compiled backbones, or fewer stored activations.

    Results equal those of the plain model within rounding. The hook applies only to
    training epochs: validation, and predictions between stages, use the plain model.
    Boxes are computed in float32, regardless of the number format of features.

    Args:
        channels_last (bool): Whether the channels of a pixel are adjacent in memory,
            which suits a GPU's matrix units and a CPU's vector units. Defaults to True.
        compile (bool | dict): Whether ``torch.compile`` compiles the backbones and
            necks that learn; a dict contains its arguments. The first step takes
            minutes. In the mode 'reduce-overhead' (CUDA graphs), each step is marked.
            Otherwise the backward pass of a neck would count as a new step, and would
            overwrite memory that the preceding backbone needs. Defaults to False.
        pad_to (int): When compiling, image sides are padded to multiples of this, so
            that there are few sizes. Defaults to 64.
        activation_checkpointing (bool): Whether blocks with mmdet's ``with_cp``
            recompute their activations in the backward pass instead of storing them:
            less memory, about a third more time. Defaults to False.
    """

    def __init__(
        self,
        channels_last: bool = True,
        compile=False,
        pad_to: int = 64,
        activation_checkpointing: bool = False,
    ) -> None:
        if compile and activation_checkpointing:
            raise ValueError(
                'acceleration: compile and activation_checkpointing; expected '
                'only one of them; the compiler itself chooses which activations '
                'to keep'
            )
        self.channels_last = channels_last
        self.compile = {} if compile is True else compile or None
        self.pad_to = pad_to
        self.activation_checkpointing = activation_checkpointing
        self._compiled: list[nn.Module] = []
        self._divisors: dict[ImgDataPreprocessor, int] = {}
        self._handles: list[RemovableHandle] = []
        self._active = False
        self._chosen = torch.backends.cudnn.benchmark

    def before_train_epoch(self, runner: Runner) -> None:
        """Prepare the parts that learn, which differ between stages."""
        self._active = True
        model = _model_of(runner)
        self._handles += keep_places_in_float32(model)
        if self.channels_last:
            model.to(memory_format=torch.channels_last)
        align_optimizers(runner.optim_wrapper)
        if self.activation_checkpointing:
            for module in model.modules():
                if hasattr(module, 'with_cp'):
                    module.with_cp = True
        if self.compile is not None:
            self._begin_compiled(model)

    def before_val_epoch(self, runner: Runner) -> None:
        """Switch to the plain model for validation, even in the middle of an epoch."""
        self.after_train_epoch(runner)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Mark a new step; return to the prepared model after a validation."""
        if not self._active:
            self.before_train_epoch(runner)
        if self.compile is not None and self.compile.get('mode') in _WITH_GRAPHS:
            torch.compiler.cudagraph_mark_step_begin()

    def after_train_epoch(self, runner: Runner) -> None:
        """Restore the plain model."""
        self._active = False
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if self.channels_last:
            _model_of(runner).to(memory_format=torch.contiguous_format)
        torch.backends.cudnn.benchmark = self._chosen
        for module in self._compiled:
            module._compiled_call_impl = None
        self._compiled = []
        for preprocessor, divisor in self._divisors.items():
            preprocessor.pad_size_divisor = divisor
        self._divisors = {}

    def _begin_compiled(self, model: nn.Module) -> None:
        # with few sizes, benchmarking the kernels for each of them is worthwhile
        torch.backends.cudnn.benchmark = not torch.backends.cudnn.deterministic
        for name, module in model.named_modules():
            if isinstance(module, ImgDataPreprocessor):
                self._divisors[module] = module.pad_size_divisor
                module.pad_size_divisor = lcm(module.pad_size_divisor, self.pad_to)
            elif name.rpartition('.')[2] in COMPILED and any(
                p.requires_grad for p in module.parameters()
            ):
                module.compile(**self.compile)
                self._compiled.append(module)


def _model_of(runner: Runner) -> nn.Module:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def align_optimizers(wrapper) -> None:
    """Give momenta the memory layout of their weights, as fused optimizers require.

    Momenta from a checkpoint have the layout in which they were saved.

    Args:
        wrapper (OptimWrapper | OptimWrapperDict): Changed in place.
    """
    wrappers = wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]
    for each in wrappers:
        for weight, state in each.optimizer.state.items():
            for key, value in state.items():
                if (
                    torch.is_tensor(value)
                    and value.shape == weight.shape
                    and value.stride() != weight.stride()
                ):
                    state[key] = torch.empty_like(weight, dtype=value.dtype).copy_(
                        value
                    )
