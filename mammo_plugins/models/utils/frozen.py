"""Running a module as if it were a fixed function."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.func import functional_call


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode; each of its parts gets its mode back.

    Parameters still learn, running statistics of batch norms are used and stay as
    they are.

    Args:
        module (nn.Module): For instance one whose norms are in evaluation mode in
            training, too.
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def frozen_call(module: nn.Module, *inputs: Any) -> Any:
    """Run a module with its parameters and statistics held.

    Gradients reach the inputs alone, and running statistics stay as they are. Used
    for discriminators when what they judge is trained: no gradient is left behind in
    them, and a wrapper for distributed training has nothing to reduce.

    Args:
        module (nn.Module): Run in evaluation mode; the modes of its parts are kept.
        inputs: Passed on.
    """
    module = getattr(module, 'module', module)
    held = {name: tensor.detach() for name, tensor in module.state_dict().items()}
    with evaluating(module):
        return functional_call(module, held, inputs)
