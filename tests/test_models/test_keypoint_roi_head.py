"""The keypoint branch against computations by hand."""

import math

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from mammo_plugins.models.roi_heads import KeypointRCNNHead, KeypointRoIHead

from mmdet.models.task_modules import SamplingResult  # isort: skip

SIZE = 8  # of a heat map, from RoI features of 2 x 2


def sampled(boxes, of_instance):
    """A sampling result with these positive RoIs."""
    result = SamplingResult.__new__(SamplingResult)
    result.pos_priors = torch.tensor(boxes, dtype=torch.float).reshape(-1, 4)
    result.pos_assigned_gt_inds = torch.tensor(of_instance, dtype=torch.long)
    return result


def instances(*points):
    points = torch.tensor(points, dtype=torch.float).reshape(-1, 1, 2)
    return InstanceData(keypoints=points)


@pytest.fixture
def head():
    torch.manual_seed(0)
    return KeypointRCNNHead(in_channels=4, num_convs=2, conv_out_channels=6)


@pytest.mark.parametrize('n', [3, 0])
def test_heat_maps_have_four_times_the_sides(head, n):
    assert head(torch.rand(n, 4, 2, 2)).shape == (n, 1, SIZE, SIZE)


def test_loss_is_the_cross_entropy_over_positions(head):
    rng = np.random.default_rng(0)
    heatmaps = rng.normal(size=(4, 1, SIZE, SIZE))
    boxes = [[[10, 20, 26, 36], [12, 20, 20, 44]], [[0, 0, 8, 8], [50, 50, 60, 60]]]
    points = [(17.0, 30.5), (3.2, 7.9)]
    # RoI 4 does not hold its point: it is left out
    expected = []
    for k, (box, (x, y)) in enumerate(
        zip(sum(boxes, [])[:3], (points[0], points[0], points[1]))
    ):
        column = math.floor((x - box[0]) / (box[2] - box[0]) * SIZE)
        row = math.floor((y - box[1]) / (box[3] - box[1]) * SIZE)
        logits = heatmaps[k, 0]
        expected.append(np.log(np.exp(logits).sum()) - logits[row, column])
    loss = head.loss(
        torch.tensor(heatmaps),
        [sampled(boxes[0], [0, 0]), sampled(boxes[1], [0, 0])],
        [instances(points[0]), instances(points[1])],
    )
    assert loss.item() == pytest.approx(np.mean(expected), rel=1e-5)


def test_loss_picks_the_instance_that_a_roi_is_assigned_to(head):
    heatmaps = torch.zeros(1, 1, SIZE, SIZE)
    heatmaps[0, 0, 6, 1] = 50.0  # where the second instance's point lies
    result = [sampled([[0, 0, 8, 8]], [1])]
    assert head.loss(heatmaps, result, [instances((5, 5), (1.5, 6.5))]) < 1e-6
    assert head.loss(heatmaps, result, [instances((1.5, 6.5), (5, 5))]) > 40


@pytest.mark.parametrize('boxes, index', [([], []), ([[50, 50, 60, 60]], [0])])
def test_nothing_to_learn_gives_zero_loss_with_a_gradient(head, boxes, index):
    heatmaps = head(torch.rand(len(boxes), 4, 2, 2))
    loss = head.loss(heatmaps, [sampled(boxes, index)], [instances((1, 1))])
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is not None for p in head.parameters())


def test_prediction_is_the_place_of_the_peak(head):
    heatmaps = torch.zeros(2, 1, SIZE, SIZE)
    heatmaps[0, 0, 6, 1] = 10.0
    heatmaps[1, 0, 0, 7] = 10.0
    boxes = [
        torch.tensor([[10.0, 20.0, 42.0, 84.0]]),
        torch.tensor([[0.0, 0.0, 8.0, 8.0]]),
    ]
    points, scores = head.predict(heatmaps, boxes)
    # the middle of the cell, as far as whole pixels go
    assert points[0][0, 0].numpy() == pytest.approx(
        [10 + 1.5 / SIZE * 32, 20 + 6.5 / SIZE * 64], abs=0.51
    )
    assert points[1][0, 0].numpy() == pytest.approx([7.5, 0.5], abs=1e-4)
    assert scores[1].item() == pytest.approx(10.0)


@pytest.fixture
def roi_head():
    torch.manual_seed(0)
    extractor = dict(
        type='SingleRoIExtractor',
        out_channels=4,
        featmap_strides=[4],
        roi_layer=dict(type='RoIAlign', output_size=2, sampling_ratio=1),
    )
    with DefaultScope.overwrite_default_scope('mammo'):
        return KeypointRoIHead(
            bbox_roi_extractor=extractor,
            bbox_head=dict(
                type='Shared2FCBBoxHead',
                in_channels=4,
                fc_out_channels=8,
                roi_feat_size=2,
                num_classes=1,
            ),
            keypoint_roi_extractor=extractor,
            keypoint_head=dict(
                type='KeypointRCNNHead', in_channels=4, num_convs=1, conv_out_channels=4
            ),
            test_cfg=ConfigDict(
                score_thr=0.0, max_per_img=3, nms=dict(type='nms', iou_threshold=0.5)
            ),
        )


def predict(roi_head, proposals, rescale):
    metas = dict(img_shape=(64, 64), ori_shape=(128, 256), scale_factor=(0.25, 0.5))
    torch.manual_seed(1)
    sample = InstanceData(metainfo=metas)
    (found,) = roi_head.predict(
        (torch.rand(1, 4, 16, 16),),
        [InstanceData(bboxes=torch.tensor(proposals).reshape(-1, 4).float())],
        [sample],
        rescale=rescale,
    )
    return found


def test_predictions_are_rescaled_together(roi_head):
    boxes = [[0, 0, 20, 20], [30, 30, 60, 60]]
    plain = predict(roi_head, boxes, False)
    scaled = predict(roi_head, boxes, True)
    assert plain.keypoints.shape == (len(plain), 1, 2)
    assert plain.keypoint_scores.shape == (len(plain), 1)
    assert len(plain) == len(scaled) > 0
    for box, (point,) in zip(plain.bboxes, plain.keypoints):
        assert (box[:2] <= point).all() and (point <= box[2:]).all()
    torch.testing.assert_close(
        scaled.keypoints, plain.keypoints * torch.tensor([4.0, 2.0])
    )
    torch.testing.assert_close(
        scaled.bboxes, plain.bboxes * torch.tensor([4.0, 2.0, 4.0, 2.0])
    )


def test_no_proposals_give_no_keypoints(roi_head):
    found = predict(roi_head, [], True)
    assert len(found) == 0
    assert found.keypoints.shape == (0, 1, 2)
