"""Greedy non-maximum suppression for many groups of boxes at once."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import nms

# pairs of boxes that are compared at once: 128 MiB per float32 value
_PAIRS = 2**25
# steps between two checks for convergence, which wait for the device
_STEPS = 8


def _suppression(boxes: Tensor, threshold: float) -> Tensor:
    """Return whether box i precedes box j and overlaps it too much, (G, K, K)."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    width, height = (
        (
            torch.minimum(high[..., None], high[..., None, :])
            - torch.maximum(low[..., None], low[..., None, :])
        ).clamp_(min=0)
        for low, high in ((x1, x2), (y1, y2))
    )
    common = width.mul_(height)
    area = (x2 - x1) * (y2 - y1)
    either = area[..., None] + area[..., None, :] - common
    return common.div_(either).gt(threshold).triu_(1)


def suppress_at_once(boxes: Tensor, threshold: float) -> Tensor:
    """Find the boxes that greedy suppression keeps, in parallel.

    Greedy suppression keeps the unique set in which a box is included exactly if no
    better box of the set overlaps it by more than the threshold. Applying this
    condition repeatedly settles the best boxes first, then those that depend on them,
    and so on. When nothing changes, all boxes are settled. The number of steps is the
    length of the longest chain of boxes that depend on one another, usually a few.

    Args:
        boxes (Tensor): (G, K, 4) in G groups, best first in each.
        threshold (float): Greatest intersection over union of two kept boxes.

    Returns:
        Tensor: (G, K) bool, the kept ones.
    """
    suppresses = _suppression(boxes, threshold)
    keep = boxes.new_ones(boxes.shape[:2], dtype=torch.bool)
    while True:
        for _ in range(_STEPS):
            before, keep = keep, ~(suppresses & keep[..., None]).any(dim=1)
        if torch.equal(before, keep):
            return keep


def _one_by_one(
    boxes: Tensor,
    scores: Tensor,
    valid: Tensor,
    sizes: list[int],
    threshold: float,
    most: int,
) -> Tensor:
    """Suppress boxes group by group, which is fastest on a CPU.

    Which of the best boxes are kept does not depend on the others. The others are
    therefore processed only if too few boxes were kept.
    """
    keep = torch.zeros_like(valid)
    falling = -torch.arange(max(sizes), dtype=torch.float)
    number, todo = 2 * most, range(len(boxes))
    while todo:
        # the first boxes of a group are its best
        last = scores.topk(min(number, scores.size(1)), dim=1).values[:, -1:]
        firsts = torch.stack(
            [group.sum(dim=1) for group in (scores >= last).split(sizes, dim=1)], dim=1
        ).tolist()
        for i in todo:
            for group, kept, first in zip(
                boxes[i].split(sizes), keep[i].split(sizes), firsts[i]
            ):
                kept[nms(group[:first], falling[:first], threshold)] = True
        numbers = (keep & valid).sum(dim=1).tolist()
        todo = [i for i in todo if numbers[i] < most and number < scores.size(1)]
        number *= 2
    return keep


def _at_once(boxes: Tensor, sizes: list[int], threshold: float) -> Tensor:
    """Suppress boxes in all groups of all images at once, which is fastest on a GPU."""
    longest = max(sizes)
    groups = torch.stack(
        [
            F.pad(group, (0, 0, 0, longest - group.size(1)))
            for group in boxes.split(sizes, dim=1)
        ],
        dim=1,
    )
    at_once = max(1, _PAIRS // longest**2)
    keep = torch.cat(
        [
            suppress_at_once(part, threshold)
            for part in groups.flatten(0, 1).split(at_once)
        ]
    )
    keep = keep.unflatten(0, groups.shape[:2])
    return torch.cat([keep[:, i, :size] for i, size in enumerate(sizes)], dim=1)


def grouped_nms(
    boxes: Tensor,
    scores: Tensor,
    valid: Tensor,
    sizes: Sequence[int],
    threshold: float,
    most: int,
) -> Tensor:
    """Suppress boxes of lower score within each group of each image.

    Args:
        boxes (Tensor): (B, K, 4) float32 as (x1, y1, x2, y2), of B images.
        scores (Tensor): (B, K).
        valid (Tensor): (B, K) bool, False for padding.
        sizes (Sequence[int]): Sizes of the groups, which fill the K columns one after
            another. Within each group, scores are in descending order.
        threshold (float): Greatest intersection over union of two kept boxes.
        most (int): Number of boxes needed per image, best first.

    Returns:
        Tensor: (B, K) bool, the kept boxes, all or at least the best ``most``.
    """
    sizes = list(sizes)
    # mmcv compares in float32; the CPU's kernel would compare in float64
    threshold = float(np.float32(threshold))
    # boxes without area neither suppress others nor are suppressed
    boxes = boxes.where(valid[..., None], 0)
    if boxes.is_cuda:
        return valid & _at_once(boxes, sizes, threshold)
    return valid & _one_by_one(boxes, scores, valid, sizes, threshold, most)
