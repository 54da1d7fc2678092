"""Refuse NaN or infinity in a network's outputs, which would look like a normal exam."""

from dataclasses import is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mammo_plugins.engine.checkpoint import CheckpointError


def refuse_infinite_outputs(model: nn.Module, name: str) -> None:
    """Make a model raise if one of its parts outputs NaN or infinity.

    Such a part detects nothing, which would look like a normal exam, or reports
    everything as a finding.

    Args:
        model (nn.Module): A trained model; its direct children and all heads are
            checked.
        name (str): Name of its checkpoint in the error.
    """

    def refuse(part: str, output: Any) -> None:
        if isinstance(output, Tensor) and output.is_floating_point():
            if not torch.isfinite(output).all():
                raise CheckpointError(
                    f'{name}: model.{part} outputs NaN or infinity, so its '
                    'results mean nothing; its weights are too large or damaged; '
                    'use an earlier checkpoint'
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
