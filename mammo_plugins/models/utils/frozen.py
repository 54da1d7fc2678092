"""Running a module as a fixed function."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.func import functional_call


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode and restore the modes of its parts afterwards.

    Parameters still get gradients. Running statistics of batch norms are used and left
    unchanged.

    Args:
        module (nn.Module): A module, some parts of which may already be in evaluation
            mode.
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def frozen_call(module: nn.Module, *inputs: Any) -> Any:
    """Run a module with frozen parameters and statistics.

    Gradients reach only the inputs, and running statistics are left unchanged. It is
    used for discriminators while the generator is trained: they accumulate no
    gradients, and a wrapper for distributed training has nothing to reduce.

    Args:
        module (nn.Module): Run in evaluation mode; the modes of its parts are restored.
        inputs: Inputs of the module.
    """
    module = getattr(module, 'module', module)
    held = {name: tensor.detach() for name, tensor in module.state_dict().items()}
    with evaluating(module):
        return functional_call(module, held, inputs)
