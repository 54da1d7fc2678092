"""Training in bfloat16."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from mammo_plugins.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Run the forward pass under bfloat16 autocast; weights stay in float32.

    bfloat16 has the range of float32, so no gradient underflows. Unlike MMEngine's
    ``AmpOptimWrapper``, this wrapper needs no loss scaling, which transfers a value
    from the GPU at each step, and it also works on the CPU.

    Args:
        **kwargs: As in MMEngine's ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enter autocast and the parent's context.

        Args:
            model (nn.Module): The model in training.
        """
        kind = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(kind, torch.bfloat16):
            yield
