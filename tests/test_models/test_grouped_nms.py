"""Suppression in many groups at once, beside torchvision's and a loop."""

import sys

import pytest
import torch
from torchvision.ops import box_iou, nms

from mammo_plugins.models.utils import grouped_nms
from mammo_plugins.models.utils.grouped_nms import _at_once, suppress_at_once


def made(seed, groups, number, spread=60):
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(groups, number, 2, generator=generator) * spread
    size = torch.rand(groups, number, 2, generator=generator) * 20 + 10
    return torch.cat([corner, corner + size], dim=-1)


def by_loop(boxes, threshold):
    """Keep a box unless it overlaps a kept one."""
    overlaps, kept = box_iou(boxes, boxes), []
    for i in range(len(boxes)):
        if not any(overlaps[i, j] > threshold for j in kept):
            kept.append(i)
    return kept


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('threshold', [0.1, 0.5, 0.7])
def test_at_once_as_one_by_one(seed, threshold):
    boxes = made(seed, 3, 80)
    boxes[:, 40:50] = boxes[:, :10]  # the same twice
    boxes[:, 60:] = boxes[:, 60:].round()
    kept = suppress_at_once(boxes, threshold)
    for group, mask in zip(boxes, kept):
        found = mask.nonzero()[:, 0].tolist()
        assert found == by_loop(group, threshold)
        assert found == nms(group, -torch.arange(80.0), threshold).tolist()
        assert 0 < len(found) < 80


def test_a_long_chain_is_followed_to_its_end():
    """Each box overlaps the next alone, so that every second one stays."""
    left = torch.arange(101.0) * 4
    boxes = torch.stack([left, left * 0, left + 10, left * 0 + 10], dim=1)[None]
    kept = suppress_at_once(boxes, 0.3)
    assert kept[0].tolist() == [i % 2 == 0 for i in range(101)]


@pytest.mark.parametrize('most', [5, 20, 1000])
@pytest.mark.parametrize('seed', range(3))
def test_groups_and_images_are_apart(seed, most):
    sizes, images = [50, 30, 1], 3
    boxes = made(seed, images, sum(sizes), spread=30)
    generator = torch.Generator().manual_seed(seed)
    scores = torch.cat(
        [
            torch.rand(images, size, generator=generator).sort(descending=True).values
            for size in sizes
        ],
        dim=1,
    )
    valid = torch.rand(images, sum(sizes), generator=generator) > 0.2
    valid[2] = False
    kept = grouped_nms(boxes, scores, valid, sizes, 0.5, most)
    assert not kept[2].any()
    for i in range(images):
        wanted, start = [], 0
        for size in sizes:
            rows = [j for j in range(start, start + size) if valid[i, j]]
            wanted += [rows[j] for j in by_loop(boxes[i, rows], 0.5)]
            start += size
        found = kept[i].nonzero()[:, 0].tolist()
        assert set(found) <= set(wanted)
        best = sorted(wanted, key=lambda j: -scores[i, j])[:most]
        assert sorted(found, key=lambda j: -scores[i, j])[:most] == best


@pytest.mark.parametrize('pairs', [1, 2**25])
def test_groups_of_any_length_at_once(pairs, monkeypatch):
    """Filled up to the longest, and as many at a time as memory allows."""
    monkeypatch.setattr(sys.modules[_at_once.__module__], '_PAIRS', pairs)
    sizes = [40, 7, 1, 25]
    boxes = made(0, 3, sum(sizes), spread=20)
    falling = torch.cat([torch.linspace(1, 0, size) for size in sizes]).repeat(3, 1)
    one_by_one = grouped_nms(boxes, falling, falling >= 0, sizes, 0.5, sum(sizes))
    assert torch.equal(_at_once(boxes, sizes, 0.5), one_by_one)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
def test_a_gpu_keeps_what_a_cpu_keeps():
    sizes = [300, 200, 20]
    boxes, valid = made(0, 4, 520), torch.ones(4, 520, dtype=torch.bool)
    scores = torch.cat([torch.linspace(1, 0, size) for size in sizes]).repeat(4, 1)
    of_cpu = grouped_nms(boxes, scores, valid, sizes, 0.7, 520)
    of_gpu = grouped_nms(boxes.cuda(), scores.cuda(), valid.cuda(), sizes, 0.7, 520)
    assert torch.equal(of_cpu, of_gpu.cpu())


def test_an_overlap_of_the_threshold_is_kept():
    """0.6 is greater in float32, in which mmcv compares, than in float64."""
    boxes = torch.tensor([[[0.0, 0, 10, 1], [0, 0, 6, 1]]])
    keep = grouped_nms(
        boxes,
        torch.tensor([[0.9, 0.8]]),
        torch.ones(1, 2, dtype=torch.bool),
        [2],
        0.6,
        2,
    )
    assert keep.all()
