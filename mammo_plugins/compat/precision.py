"""Number format in which the bridged operators compute."""

import torch
from torch import Tensor


def full_precision(tensor: Tensor) -> Tensor:
    """Convert half precision and integers to float32; keep float32 and float64."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()
