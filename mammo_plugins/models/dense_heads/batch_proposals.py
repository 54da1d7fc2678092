"""Region proposals for all images of a batch at once."""

from collections.abc import Mapping, Sequence

import torch
from mmdet.models.task_modules import DeltaXYWHBBoxCoder
from mmdet.utils import InstanceList
from mmengine.structures import InstanceData
from torch import Tensor

from mammo_plugins.models.utils import grouped_nms, to_device


def by_image(level: Tensor, channels: int) -> Tensor:
    """Reshape a level's map to one row per anchor: (B, A * C, h, w) to (B, n, C)."""
    return level.permute(0, 2, 3, 1).reshape(len(level), -1, channels)


def covers(cfg: Mapping) -> bool:
    """Return whether :func:`propose` supports all settings of a ``test_cfg``."""
    nms = cfg.get('nms') or {}
    return nms.get('type', 'nms') == 'nms' and set(nms) - {'type'} == {'iou_threshold'}


def best_rows(scores: Tensor, number: int) -> Tensor:
    """Return the indices of the best scores, (B, number), best first.

    Equal scores keep their order, as with a stable sort, but in a fraction of the time.

    Args:
        scores (Tensor): (B, n) float32, non-negative.
        number (int): At most n.
    """
    # non-negative floats have the same order when read as integers
    keys = scores.contiguous().view(torch.int32).long() << 32
    keys -= torch.arange(scores.size(1), device=scores.device)
    return keys.topk(number, dim=1).indices


def _best(
    cls_scores: Sequence[Tensor],
    bbox_preds: Sequence[Tensor],
    priors: Sequence[Tensor],
    most: int,
) -> list[list[Tensor]]:
    """Return the best scores of each level with their deltas and priors."""
    chosen = []
    for score, delta, prior in zip(cls_scores, bbox_preds, priors):
        score = by_image(score, 1).squeeze(-1).float().sigmoid()
        number = min(most, score.size(1)) if most > 0 else score.size(1)
        rows = best_rows(score, number)
        delta = by_image(delta, 4).gather(1, rows[..., None].expand(-1, -1, 4))
        chosen.append([score.gather(1, rows), delta.float(), prior[rows]])
    return chosen


@torch.no_grad()
def propose(
    cls_scores: Sequence[Tensor],
    bbox_preds: Sequence[Tensor],
    priors: Sequence[Tensor],
    shapes: Sequence[Sequence[int]],
    coder: DeltaXYWHBBoxCoder,
    cfg: Mapping,
) -> InstanceList:
    """Propose boxes, as ``mmdet.models.RPNHead.predict_by_feat`` does.

    The host waits for the device only when suppression has converged and for the
    numbers of boxes, regardless of the number of images.

    Args:
        cls_scores (Sequence[Tensor]): Logits by level, (B, A, h, w).
        bbox_preds (Sequence[Tensor]): Deltas by level, (B, 4 A, h, w).
        priors (Sequence[Tensor]): Anchors by level, (h w A, 4) float32.
        shapes (Sequence[Sequence[int]]): Height and width of each image.
        coder (DeltaXYWHBBoxCoder): Decoder of the deltas.
        cfg (Mapping): ``nms_pre``, the maximum number of boxes per level,
            ``min_bbox_size``, ``nms`` and ``max_per_img``.

    Returns:
        list[InstanceData]: ``bboxes`` (n, 4) in pixels of the input, ``scores`` and
        ``labels``, all 0; best first.
    """
    chosen = _best(cls_scores, bbox_preds, priors, cfg.get('nms_pre', -1))
    sizes = [level[0].size(1) for level in chosen]
    scores, deltas, priors = (torch.cat(parts, dim=1) for parts in zip(*chosen))
    boxes = coder.decode(priors.flatten(0, 1), deltas.flatten(0, 1)).view_as(priors)
    if coder.clip_border:
        ends = to_device(
            [[shape[1], shape[0]] * 2 for shape in shapes], boxes, boxes.dtype
        )
        boxes = boxes.clamp(min=0).minimum(ends[:, None])
    extent = (boxes[..., 2:] - boxes[..., :2]).amin(dim=-1)
    smallest = cfg.get('min_bbox_size', -1)
    valid = (
        extent > smallest
        if smallest >= 0
        else torch.ones_like(extent, dtype=torch.bool)
    )

    # mmcv offsets each level beyond the previous ones, which rounds overlaps
    step = boxes.masked_fill(~valid[..., None], -torch.inf).amax(dim=(1, 2)) + 1
    levels = torch.cat([torch.full((size,), float(i)) for i, size in enumerate(sizes)])
    moved = boxes + (to_device(levels, boxes) * step[:, None])[..., None]
    most = cfg['max_per_img']
    keep = grouped_nms(moved, scores, valid, sizes, cfg['nms']['iou_threshold'], most)

    ranked, rows = scores.masked_fill(~keep, -1).sort(
        dim=1, descending=True, stable=True
    )
    boxes = boxes.gather(1, rows[:, :most, None].expand(-1, -1, 4))
    counts = keep.sum(dim=1).clamp(max=boxes.size(1)).tolist()
    labels = torch.zeros_like(rows[:, :most])
    return [
        InstanceData(bboxes=boxes[i, :n], scores=ranked[i, :n], labels=labels[i, :n])
        for i, n in enumerate(counts)
    ]
