"""Random sampling for all images of a batch at once."""

import torch
from mmdet.models.task_modules import RandomSampler
from torch import Tensor


def sample_batch(sampler: RandomSampler, gt_inds: Tensor) -> tuple[Tensor, Tensor]:
    """Sample positives and negatives like a ``RandomSampler``, on the device.

    All subsets of the same size are equally likely. Random numbers come from the
    device's generator, unlike mmdet's, which come from that of the CPU.

    Args:
        sampler (RandomSampler): Its ``num``, ``pos_fraction`` and ``neg_pos_ub`` are
            used.
        gt_inds (Tensor): (B, N), 1 or more for a ground truth, 0 for background, -1 for
            boxes that must not be sampled.

    Returns:
        tuple: (B, S) columns of ``gt_inds``, positives first, and (B, S) bool, True for
        those that are sampled; the others are padding.
    """
    keys = torch.rand(gt_inds.shape, device=gt_inds.device)
    numbers = gt_inds.size(1)

    def ranked(mask: Tensor, most: int) -> Tensor:
        return keys.masked_fill(~mask, 2).topk(most, largest=False).indices

    most_pos = min(int(sampler.num * sampler.pos_fraction), numbers)
    positives = ranked(gt_inds > 0, most_pos)
    num_pos = (gt_inds > 0).sum(dim=1, keepdim=True).clamp(max=most_pos)

    negatives = ranked(gt_inds == 0, min(sampler.num, numbers))
    num_neg = torch.minimum(
        (gt_inds == 0).sum(dim=1, keepdim=True), sampler.num - num_pos
    )
    if sampler.neg_pos_ub >= 0:
        num_neg = torch.minimum(
            num_neg, (sampler.neg_pos_ub * num_pos.clamp(min=1)).long()
        )

    chosen = [
        torch.arange(columns.size(1), device=columns.device) < number
        for columns, number in ((positives, num_pos), (negatives, num_neg))
    ]
    return torch.cat([positives, negatives], 1), torch.cat(chosen, 1)
