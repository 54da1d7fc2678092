"""Suppression through mmcv's own functions, against loops over pairs of boxes."""

import math

import pytest
import torch
from mmcv.ops import batched_nms, nms, nms_match, soft_nms

import mammo_plugins  # noqa: F401  installs the operators
from mammo_plugins.compat import nms_ops

DEVICES = [
    'cpu',
    pytest.param(
        'cuda',
        marks=pytest.mark.skipif(
            not torch.cuda.is_available(), reason='no CUDA device'
        ),
    ),
]


def random_boxes(number, seed=0):
    """Boxes crowded enough to overlap, and distinct scores."""
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(number, 2, generator=generator) * 40
    size = torch.rand(number, 2, generator=generator) * 30 + 1
    scores = torch.randperm(number, generator=generator) / number
    return torch.cat([corner, corner + size], dim=1), scores


def iou(a, b, offset=0):
    """Overlap of two boxes given as lists of four numbers."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + offset
    height = min(a[3], b[3]) - max(a[1], b[1]) + offset
    inter = max(width, 0) * max(height, 0)
    areas = [(x2 - x1 + offset) * (y2 - y1 + offset) for x1, y1, x2, y2 in (a, b)]
    return inter / (sum(areas) - inter)


def brute_force_nms(boxes, scores, threshold, offset=0):
    boxes, scores = boxes.tolist(), scores.tolist()
    kept = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(iou(boxes[i], boxes[j], offset) <= threshold for j in kept):
            kept.append(i)
    return kept


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.2, 0.5, 0.7])
def test_nms_is_the_greedy_loop(threshold, offset, device):
    boxes, scores = random_boxes(120)
    expected = brute_force_nms(boxes, scores, threshold, offset)
    dets, keep = nms(boxes.to(device), scores.to(device), threshold, offset=offset)
    assert keep.device.type == device
    assert keep.tolist() == expected
    assert 1 < len(expected) < 120
    torch.testing.assert_close(
        dets.cpu(), torch.cat([boxes, scores[:, None]], dim=1)[expected]
    )


def test_offset_changes_the_outcome():
    # Squares of side 4, or of side 5 where x2 and y2 are pixels of the box.
    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [2.0, 0.0, 6.0, 4.0]])
    scores = torch.tensor([0.9, 0.8])
    assert nms(boxes, scores, 0.4, offset=0)[1].tolist() == [0, 1]  # 8 / 24
    assert nms(boxes, scores, 0.4, offset=1)[1].tolist() == [0]  # 15 / 35


def test_overlap_equal_to_the_threshold_is_kept():
    # 30 / 100 is above 0.3 in double precision after rounding to float32.
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 3.0]])
    scores = torch.tensor([0.9, 0.8])
    assert nms(boxes, scores, 0.3)[1].tolist() == [0, 1]
    dets = torch.cat([boxes, scores[:, None]], dim=1)
    assert [group.tolist() for group in nms_match(dets, 0.3)] == [[0, 1]]


@pytest.mark.parametrize('device', DEVICES)
def test_of_equal_scores_the_first_goes_first(device):
    boxes, _ = random_boxes(60, seed=7)
    scores = torch.tensor([0.5, 0.9, 0.5, 0.1] * 15)
    expected = brute_force_nms(boxes, scores, 0.3)  # sorted() is stable
    keep = nms(boxes.to(device), scores.to(device), 0.3)[1]
    assert keep.tolist() == expected
    twins = boxes[:1].repeat(5, 1).to(device)
    assert nms(twins, torch.full((5,), 0.5, device=device), 0.3)[1].tolist() == [0]


def test_score_threshold_and_max_num():
    boxes, scores = random_boxes(80, seed=1)
    above = (scores > 0.4).nonzero()[:, 0]
    expected = above[brute_force_nms(boxes[above], scores[above], 0.5)].tolist()
    keep = nms(boxes, scores, 0.5, score_threshold=0.4, max_num=7)[1]
    assert keep.tolist() == expected[:7]
    assert len(expected) > 7


@pytest.mark.parametrize('split_thr', [10000, 50])
def test_batched_nms_keeps_classes_apart(split_thr):
    boxes, scores = random_boxes(90, seed=2)
    labels = torch.arange(90) % 3
    expected = set()
    for label in range(3):
        members = (labels == label).nonzero()[:, 0]
        kept = brute_force_nms(boxes[members], scores[members], 0.5)
        expected.update(members[kept].tolist())
    cfg = dict(type='nms', iou_threshold=0.5, split_thr=split_thr)
    dets, keep = batched_nms(boxes, scores, labels, cfg)
    assert set(keep.tolist()) == expected and len(keep) == len(expected)
    assert dets[:, 4].tolist() == sorted(dets[:, 4].tolist(), reverse=True)


def test_empty_input():
    boxes, scores = torch.zeros(0, 4), torch.zeros(0)
    for result in (nms(boxes, scores, 0.5), soft_nms(boxes, scores)):
        assert result[0].shape == (0, 5) and result[1].shape == (0,)
        assert result[1].dtype == torch.int64
    assert nms_match(torch.zeros(0, 5), 0.5) == []
    dets, keep = batched_nms(
        boxes.reshape(0, 4),
        scores,
        scores.long(),
        dict(type='soft_nms'),
        class_agnostic=True,
    )
    assert dets.shape == (0, 5) and keep.shape == (0,)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(dtype):
    boxes, scores = random_boxes(60, seed=3)
    boxes = boxes.to(dtype)
    keep = nms_ops.nms(boxes, scores.to(dtype), 0.5, 0)
    # bfloat16 cannot tell all scores apart, so the loop ranks the rounded ones.
    order = scores.to(dtype).float().argsort(descending=True, stable=True)
    expected = order[
        brute_force_nms(boxes[order].float(), torch.arange(60, 0, -1.0), 0.5)
    ]
    assert keep.tolist() == expected.tolist()


def test_numpy_input():
    boxes, scores = random_boxes(30, seed=4)
    dets, keep = nms(boxes.numpy(), scores.numpy(), 0.5)
    assert keep.tolist() == brute_force_nms(boxes, scores, 0.5)
    assert dets.dtype == boxes.numpy().dtype


def brute_force_soft_nms(boxes, scores, threshold, sigma, min_score, method, offset):
    boxes, scores = boxes.tolist(), scores.tolist()
    pending, kept = list(range(len(boxes))), []
    while pending:
        best = max(pending, key=lambda i: scores[i])
        pending.remove(best)
        kept.append((best, scores[best]))
        for i in pending:
            overlap = iou(boxes[best], boxes[i], offset)
            if method == 'gaussian':
                scores[i] *= math.exp(-(overlap**2) / sigma)
            elif overlap >= threshold:
                scores[i] *= 1 - overlap if method == 'linear' else 0
        pending = [i for i in pending if scores[i] >= min_score]
    return kept


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('method', ['naive', 'linear', 'gaussian'])
def test_soft_nms_is_the_decaying_loop(method, offset):
    boxes, scores = random_boxes(70, seed=5)
    expected = brute_force_soft_nms(boxes, scores, 0.3, 0.4, 0.05, method, offset)
    dets, keep = soft_nms(boxes, scores, 0.3, 0.4, 0.05, method, offset)
    assert keep.tolist() == [index for index, _ in expected]
    assert 1 < len(expected) < 70
    torch.testing.assert_close(dets[:, 4], torch.tensor([s for _, s in expected]))
    torch.testing.assert_close(dets[:, :4], boxes[keep])


def test_soft_nms_keeps_a_score_that_equals_the_least():
    apart = torch.tensor(
        [[0.0, 0.0, 4.0, 4.0], [9.0, 9.0, 12.0, 12.0], [20.0, 0.0, 24.0, 4.0]]
    )
    scores = torch.tensor([0.75, 0.5, 0.49])
    keep = soft_nms(apart, scores, 0.3, 0.5, 0.5, 'linear')[1]
    assert keep.tolist() == [0, 1]


def test_nms_match_groups_every_box_once():
    boxes, scores = random_boxes(60, seed=6)
    dets = torch.cat([boxes, scores[:, None]], dim=1)
    groups = [group.tolist() for group in nms_match(dets, 0.4)]
    assert sorted(sum(groups, [])) == list(range(60))
    assert [group[0] for group in groups] == brute_force_nms(boxes, scores, 0.4)
    for k, (best, *suppressed) in enumerate(groups):
        for i in suppressed:
            assert iou(boxes[best].tolist(), boxes[i].tolist()) >= 0.4
            for earlier in groups[:k]:
                assert iou(boxes[earlier[0]].tolist(), boxes[i].tolist()) < 0.4
        assert suppressed == sorted(suppressed, key=lambda i: -scores[i])
