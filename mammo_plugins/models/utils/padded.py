"""Tensors of different lengths padded into one."""

from collections.abc import Sequence

import numpy as np
import torch
from mmdet.structures.bbox import get_box_tensor
from mmengine.structures import InstanceData
from torch import Tensor


def to_device(
    values: Sequence, like: Tensor, dtype: torch.dtype | None = None
) -> Tensor:
    """Copy numbers from the host to a tensor's device without waiting for it.

    Args:
        values (Sequence): Numbers, or an array.
        like (Tensor): Tensor on the target device.
        dtype (torch.dtype, optional): Defaults to that of ``values``.

    Returns:
        Tensor: On the device.
    """
    return torch.as_tensor(values, dtype=dtype).to(like.device, non_blocking=True)


def pad_rows(parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Stack tensors of different lengths.

    Args:
        parts (Sequence[Tensor]): B tensors (n, ...), which differ only in n.

    Returns:
        tuple: (B, M, ...), padded with zeros, where M is the largest n and at least 1,
        and (B, M) bool, False for padding.
    """
    lengths = np.array([len(part) for part in parts])
    columns = np.arange(max(lengths.max(), 1))
    starts = lengths.cumsum() - lengths
    total = int(lengths.sum())
    # the row after the last is zeros
    rows = to_device(
        np.where(columns < lengths[:, None], starts[:, None] + columns, total), parts[0]
    )
    return torch.cat([*parts, parts[0].new_zeros(1, *parts[0].shape[1:])])[rows], (
        rows < total
    )


def pad_boxes(instances: Sequence[InstanceData]) -> tuple[Tensor, Tensor]:
    """Stack the boxes of images, like :func:`pad_rows`.

    Args:
        instances (Sequence[InstanceData]): B, with ``bboxes`` (n, 4).

    Returns:
        tuple: (B, M, 4) float32 and (B, M) bool.
    """
    return pad_rows([get_box_tensor(one.bboxes).float() for one in instances])


def pad_ignored(
    instances: Sequence[InstanceData | None] | None,
) -> tuple[Tensor | None, Tensor | None]:
    """Stack the regions to ignore, like :func:`pad_rows`.

    Args:
        instances (Sequence[InstanceData], optional): With ``bboxes``; ``None`` if an
            image, or the whole batch, has none.

    Returns:
        tuple: As from :func:`pad_boxes`; (``None``, ``None``) if there are none.
    """
    some = [one for one in instances or () if one is not None and len(one)]
    if not some:
        return None, None
    return pad_boxes([some[0][:0] if one is None else one for one in instances])
