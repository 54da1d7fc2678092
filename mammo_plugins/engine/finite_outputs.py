"""A network that puts out NaN or infinity finds nothing, which is no finding."""

from dataclasses import is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mammo_plugins.engine.checkpoint import CheckpointError


def refuse_infinite_outputs(model: nn.Module, name: str) -> None:
    """Make a model raise where a part of it puts out NaN or infinity.

    Such a part finds nothing, which would read as a normal exam, or calls everything a
    finding.

    Args:
        model (nn.Module): A trained model; its direct parts and all heads are looked
            at.
        name (str): What to call its checkpoint.
    """

    def refuse(part: str, output: Any) -> None:
        if isinstance(output, Tensor) and output.is_floating_point():
            if not torch.isfinite(output).all():
                raise CheckpointError(
                    f'{name}: model.{part} puts out NaN or infinity, so that what is '
                    'found means nothing; its weights are too large or damaged, take an '
                    'earlier checkpoint'
                )
        elif isinstance(output, (list, tuple)):
            for each in output:
                refuse(part, each)
        elif isinstance(output, dict) or is_dataclass(output):
            for each in (output if isinstance(output, dict) else vars(output)).values():
                refuse(part, each)

    for part, module in model.named_modules():
        if part and ('.' not in part or type(module).__name__.endswith('Head')):
            module.register_forward_hook(
                lambda module, inputs, output, part=part: refuse(part, output)
            )
