"""The number format the bridged operators compute in."""

import torch
from torch import Tensor


def full_precision(tensor: Tensor) -> Tensor:
    """Half precision and integers as float32; float32 and float64 as they are."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()
