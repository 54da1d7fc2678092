"""Non-maximum suppression with the call signatures of ``mmcv._ext``.

The rules (which overlap suppresses, what ``offset`` adds, what is written where)
follow mmcv 2.x, ``mmcv/ops/csrc/pytorch/cpu/nms.cpp``.
"""

import torch
from torch import Tensor
from torchvision.ops import nms as torchvision_nms

from mammo_plugins.compat.precision import full_precision


def _float32(value: float) -> float:
    """Round to float32, in which mmcv compares overlaps with the threshold."""
    return torch.tensor(value, dtype=torch.float32).item()


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Greedy non-maximum suppression.

    Args:
        boxes: (N, 4), as (x1, y1, x2, y2).
        scores: (N, ).
        iou_threshold: Boxes that overlap a better one by more than this are removed.
        offset: 0, or 1 if x2 and y2 are the last pixel inside the box, so that
            sides are (x2 - x1 + 1).

    Returns:
        (K, ) int64 indices of the boxes kept, best first.
    """
    boxes = full_precision(boxes)
    if offset:
        boxes = boxes + boxes.new_tensor([0, 0, offset, offset])
    return torchvision_nms(boxes, scores.to(boxes.dtype), _float32(iou_threshold))


def _iou_one_to_many(box: Tensor, boxes: Tensor, offset: int = 0) -> Tensor:
    """Return the IoU of one box (4, ) with boxes (N, 4), shape (N, )."""
    top_left = torch.maximum(box[:2], boxes[:, :2])
    bottom_right = torch.minimum(box[2:], boxes[:, 2:])
    inter = (bottom_right - top_left + offset).clamp(min=0).prod(dim=1)
    area = (box[2:] - box[:2] + offset).prod()
    areas = (boxes[:, 2:] - boxes[:, :2] + offset).prod(dim=1)
    return inter / (area + areas - inter)


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Soft non-maximum suppression (Bodla et al., ICCV 2017).

    Args:
        boxes: (N, 4), as (x1, y1, x2, y2).
        scores: (N, ).
        dets: (N, 5) buffer; rows [0, K) receive boxes and their decayed scores.
        iou_threshold: Overlap from which the score decays; unused by 'gaussian'.
        sigma: Width of the gaussian decay.
        min_score: Boxes whose score falls below this are removed.
        method: 0 naive (score becomes 0), 1 linear (times 1 - overlap), 2 gaussian
            (times exp(-overlap^2 / sigma)).
        offset: 0 or 1, as in :func:`nms`.

    Returns:
        (K, ) int64 indices of the boxes kept, best decayed score first.
    """
    boxes = full_precision(boxes)
    scores = full_precision(scores)
    remaining = torch.arange(len(boxes), device=boxes.device)
    threshold = _float32(iou_threshold)
    kept = []
    while len(remaining):
        best = scores[remaining].argmax()
        index = remaining[best]
        dets[len(kept), :4] = boxes[index]
        dets[len(kept), 4] = scores[index]
        kept.append(index)
        remaining = torch.cat([remaining[:best], remaining[best + 1 :]])
        iou = _iou_one_to_many(boxes[index], boxes[remaining], offset)
        if method == 2:
            decay = torch.exp(-iou.square() / sigma)
        else:
            overlapped = 1 - iou if method == 1 else torch.zeros_like(iou)
            decay = torch.where(iou >= threshold, overlapped, 1.0)
        decayed = scores[remaining] * decay
        scores = scores.index_copy(0, remaining, decayed)
        remaining = remaining[decayed >= min_score]
    return torch.stack(kept) if kept else remaining


def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Group each box that survives suppression with the boxes it suppresses.

    Args:
        dets: (N, 5), as (x1, y1, x2, y2, score).
        iou_threshold: Boxes that overlap a better one by this or more join it.

    Returns:
        One list of indices per group: the surviving box, then the suppressed ones,
        best first.
    """
    dets = full_precision(dets)
    remaining = dets[:, 4].argsort(descending=True, stable=True)
    threshold = _float32(iou_threshold)
    groups = []
    while len(remaining):
        best, others = remaining[0], remaining[1:]
        joins = _iou_one_to_many(dets[best, :4], dets[others, :4]) >= threshold
        groups.append([int(best), *others[joins].tolist()])
        remaining = others[~joins]
    return groups
