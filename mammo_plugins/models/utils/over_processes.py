"""Means over the batches of all processes of a distributed training."""

import torch
from mmdet.utils import reduce_mean
from torch import Tensor


def mean_over_processes(values: Tensor, number: Tensor | int) -> Tensor:
    """Return a process's share of the mean over all processes.

    The mean of the shares is the mean over all values. Distributed training averages
    gradients, so each value has the same weight, regardless of its process.

    Args:
        values (Tensor): Values of this process, of any shape; 0 where they do not
            count.
        number (Tensor | int): Number of values that count.

    Returns:
        Tensor: A scalar, the sum divided by the mean number over all processes; 0 if no
        value counts.
    """
    counted = reduce_mean(
        torch.as_tensor(number, dtype=torch.float32, device=values.device)
    )
    # the mean number is below 1 if few processes have values
    return values.sum() / counted.clamp(min=1e-6)
