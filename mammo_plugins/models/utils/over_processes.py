"""Means over the batches of all processes of a distributed training."""

import torch
from mmdet.utils import reduce_mean
from torch import Tensor


def mean_over_processes(values: Tensor, number: Tensor | int) -> Tensor:
    """Return a process's share of the mean of what all processes have.

    The mean of the shares, which is what distributed training takes of gradients, is
    the mean over all values: each weighs alike, whichever process it is in.

    Args:
        values (Tensor): Of this process, any shape; 0 where they do not count.
        number (Tensor | int): How many of them count.

    Returns:
        Tensor: A scalar, the sum by the mean number of all processes; 0 for none.
    """
    counted = reduce_mean(
        torch.as_tensor(number, dtype=torch.float32, device=values.device)
    )
    # the mean number is below 1 where few processes have any
    return values.sum() / counted.clamp(min=1e-6)
