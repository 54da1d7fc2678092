"""Connected parts of masks, computed on the masks' device."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


def connected_parts(masks: Tensor) -> Tensor:
    """Label parts that are connected by sides or corners.

    Labels spread to neighbours. A new label of one pixel is passed on to all pixels
    with the same old label, so that few rounds are needed. Everything runs on the
    device of the masks.

    Args:
        masks (Tensor): (M, H, W) bool.

    Returns:
        Tensor: (M, H, W) long: flat index of a part's first pixel, H W outside.
    """
    num, height, width = masks.shape
    outside = height * width
    flat = masks.flatten(1)
    own = torch.arange(outside + 1, device=masks.device).expand(num, -1)
    labels = own[:, :-1].masked_fill(~flat, outside)
    while True:
        spread = -F.max_pool2d(-labels.view_as(masks).double()[:, None], 3, 1, 1)
        near = spread.long().flatten(1).masked_fill(~flat, outside)
        if torch.equal(near, labels):
            return labels.view_as(masks)
        known = own.scatter_reduce(1, labels, near, 'amin')
        labels = known.gather(1, known.gather(1, near)).masked_fill(~flat, outside)


class Parts(NamedTuple):
    """Connected parts of M masks, largest first; K is the largest number per mask.

    Attributes:
        boxes (Tensor): (M, K, 4) long, (x1, y1, x2, y2) in whole pixels.
        there (Tensor): (M, K) bool, False where a mask has fewer parts.
        roots (Tensor): (M, K), label of each part.
        labels (Tensor): (M, H, W), from :func:`connected_parts`.
    """

    boxes: Tensor
    there: Tensor
    roots: Tensor
    labels: Tensor


def parts_of(masks: Tensor) -> Parts:
    """Find the connected parts of masks.

    Args:
        masks (Tensor): (M, H, W) bool.
    """
    num, height, width = masks.shape
    found = connected_parts(masks)
    labels = found.flatten(1)
    nothing = labels.new_zeros(num, height * width + 1)
    areas = nothing.scatter_add(1, labels, torch.ones_like(labels))[:, :-1]
    count = int((areas > 0).sum(dim=1).max())
    # if parts are equally large, the one with the first pixel
    order = areas * areas.size(1) - torch.arange(areas.size(1), device=areas.device)
    roots = order.topk(count, dim=1).indices
    there = areas.gather(1, roots) > 0
    sides = []
    for size, along in ((width, -1), (height, -2)):
        places = torch.arange(size, device=masks.device)
        places = (places if along == -1 else places[:, None]).expand(height, width)
        places = places.flatten().expand(num, -1)
        first = (nothing + size).scatter_reduce(1, labels, places, 'amin')
        last = nothing.scatter_reduce(1, labels, places + 1, 'amax')
        sides.append((first.gather(1, roots), last.gather(1, roots)))
    (x1, x2), (y1, y2) = sides
    boxes = torch.stack([x1, y1, x2, y2], dim=2) * there[..., None]
    return Parts(boxes, there, roots, found)


def largest_parts(masks: Tensor, number: int) -> Tensor:
    """Keep only the largest connected parts of masks.

    Args:
        masks (Tensor): (M, H, W) bool.
        number (int): Number of connected parts to keep in each mask.
    """
    parts = parts_of(masks)
    kept = torch.zeros_like(masks)
    for k in range(min(number, parts.roots.size(1))):
        kept |= (parts.labels == parts.roots[:, k, None, None]) & parts.there[
            :, k, None, None
        ]
    return kept
