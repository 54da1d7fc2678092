"""Overlaps against pixel counting and torchvision."""

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou as torchvision_box_iou

from mammo_plugins.evaluation.functional import box_iou, encode_masks, mask_iou


def random_boxes(rng, n):
    corner = rng.uniform(0, 50, (n, 2))
    return np.hstack([corner, corner + rng.uniform(0, 40, (n, 2))])


def test_box_iou_by_hand():
    boxes1 = [[0, 0, 2, 2], [5, 5, 6, 6]]
    boxes2 = [[1, 1, 3, 3], [0, 0, 2, 1], [2, 0, 4, 2]]
    expected = [[1 / 7, 1 / 2, 0], [0, 0, 0]]
    np.testing.assert_allclose(box_iou(boxes1, boxes2), expected)


def test_crowd_overlap_is_the_share_of_the_first_box():
    boxes = [[0, 0, 2, 2], [0, 0, 8, 8], [3, 3, 3, 5]]
    assert box_iou(boxes, [[1, 0, 5, 4]], crowd=True).ravel().tolist() == [0.5, 0.25, 0]
    masks = np.zeros((3, 8, 8))
    for mask, (x1, y1, x2, y2) in zip(masks, [*boxes[:2], [1, 0, 5, 4]]):
        mask[y1:y2, x1:x2] = 1
    codes = encode_masks(masks)
    assert mask_iou(codes[:2], codes[2:], crowd=True).ravel().tolist() == [0.5, 0.25]


def test_box_iou_agrees_with_torchvision():
    rng = np.random.default_rng(0)
    boxes1, boxes2 = random_boxes(rng, 40), random_boxes(rng, 30)
    expected = torchvision_box_iou(torch.from_numpy(boxes1), torch.from_numpy(boxes2))
    np.testing.assert_allclose(box_iou(boxes1, boxes2), expected.numpy(), atol=1e-12)


def test_box_without_area_overlaps_nothing():
    assert box_iou([[1, 1, 1, 5]], [[1, 1, 1, 5], [0, 0, 9, 9]]).tolist() == [[0, 0]]


@pytest.mark.parametrize('box', [[5, 5, 3, 9], [0, 0, float('nan'), 1]])
def test_bad_boxes_are_refused(box):
    with pytest.raises(ValueError, match='boxes2: expected boxes'):
        box_iou(np.zeros((0, 4)), [box])


def test_mask_iou_counts_pixels():
    rng = np.random.default_rng(1)
    masks1, masks2 = rng.random((4, 13, 9)) < 0.5, rng.random((3, 13, 9)) < 0.3
    expected = [[(a & b).sum() / (a | b).sum() for b in masks2] for a in masks1]
    np.testing.assert_allclose(
        mask_iou(encode_masks(masks1), encode_masks(masks2)), expected
    )


def test_mask_iou_of_empty_masks_and_of_no_masks():
    empty = encode_masks(np.zeros((1, 4, 4)))
    assert mask_iou(empty, empty).tolist() == [[0]]
    assert encode_masks(np.zeros((0, 4, 4))) == []
    assert mask_iou([], empty).shape == (0, 1)


def test_mask_iou_refuses_masks_of_two_sizes():
    with pytest.raises(ValueError, match=r'\(4, 4\), \(8, 8\)'):
        mask_iou(encode_masks(np.ones((1, 4, 4))), encode_masks(np.ones((1, 8, 8))))
    with pytest.raises(ValueError, match='expected masks'):
        encode_masks(np.ones((4, 4)))
