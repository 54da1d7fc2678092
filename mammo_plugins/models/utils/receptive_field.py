"""Receptive field of convolutional networks."""

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def receptive_field(network: nn.Module, in_channels: int = 1) -> int:
    """Measure the theoretical receptive field of a network's last output.

    This is the number of pixels in a line that a central position depends on, for any
    weights: those with a gradient if all weights are positive and maxima are replaced
    by means.

    Args:
        network (nn.Module): Convolutions, batch norms, pooling and ReLU. Its input is
            (N, C, H, W), its output one or several maps, of which the last one counts.
            It is not changed.
        in_channels (int): C. Defaults to 1.

    Returns:
        int: Size in pixels, along the height.

    Raises:
        ValueError: If it is above 4,096 pixels, as with attention.
    """
    network = _averaging(copy.deepcopy(network).double())
    network.eval()  # mmpretrain's backbones return None here
    size = 64
    while size <= 8192:
        image = torch.ones(
            1, in_channels, size, 32, dtype=torch.float64, requires_grad=True
        )
        output: Any = network(image)
        if not torch.is_tensor(output):
            output = output[-1]
        output[:, :, output.shape[2] // 2].sum().backward()
        seen = image.grad.abs().sum(dim=(0, 1, 3)).nonzero()
        first, last = int(seen.min()), int(seen.max())
        if 0 < first and last < size - 1:
            return last - first + 1
        size *= 2
    raise ValueError('receptive_field: above 4,096 pixels; is there attention?')


def _averaging(network: nn.Module) -> nn.Module:
    """Turn convolutions, norms and pooling into weighted means."""
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(
                    module,
                    name,
                    nn.AvgPool2d(child.kernel_size, child.stride, child.padding),
                )
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, _BatchNorm):
            module.reset_running_stats()
            module.reset_parameters()
    return network
