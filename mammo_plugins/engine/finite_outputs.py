"""A network that puts out NaN finds nothing, which is no finding."""
from typing import Any

import torch
from torch import Tensor, nn

from mammo_plugins.engine.checkpoint import CheckpointError


def refuse_nan_outputs(model: nn.Module, name: str) -> None:
    """Make a model raise where a part of it puts out NaN.

    Such a part finds nothing, which would read as a normal exam.

    Args:
        model (nn.Module): A trained model.
        name (str): What to call its checkpoint.
    """

    def refuse(part: str, output: Any) -> None:
        if isinstance(output, Tensor) and output.is_floating_point():
            if torch.isnan(output).any():
                raise CheckpointError(
                    f'{name}: model.{part} puts out NaN, so that nothing would be '
                    'found; its weights are too large or damaged, take an earlier '
                    'checkpoint')
        elif isinstance(output, (list, tuple)):
            for each in output:
                refuse(part, each)

    for part, module in model.named_modules():
        if part and (part.count('.') == 0 or part.endswith('head')):
            module.register_forward_hook(
                lambda module, inputs, output, part=part: refuse(part, output))
