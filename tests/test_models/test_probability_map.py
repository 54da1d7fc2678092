"""Boxes to probability maps and back, against rules spelt out pixel by pixel."""

import time

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from scipy.ndimage import gaussian_filter

from mammo_plugins.models import (
    boxes_to_probability_map,
    instances_from_map,
    map_to_boxes,
)


def gaussians(shape, *blobs):
    """The greatest of some Gaussians (x, y, sigma, height) at pixel centres."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    drawn = [
        height * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2))
        for cx, cy, sigma, height in blobs
    ]
    return torch.tensor(np.max(drawn, 0), dtype=torch.float32)


# boxes to map


def draw_by_pixel(boxes, scores, shape):
    drawn = torch.zeros(shape)
    for y in range(shape[0]):
        for x in range(shape[1]):
            for (x1, y1, x2, y2), score in zip(boxes.tolist(), scores.tolist()):
                if x1 <= x + 0.5 < x2 and y1 <= y + 0.5 < y2:
                    drawn[y, x] = max(drawn[y, x], score)
    return drawn


@pytest.mark.parametrize('seed', range(5))
def test_pixels_get_the_best_score_that_covers_them(seed):
    generator = torch.Generator().manual_seed(seed)
    corners = 30 * torch.rand(12, 2, 2, generator=generator) - 5
    boxes = torch.cat([corners.amin(1), corners.amax(1)], 1)
    boxes[::3] = boxes[::3].round()
    scores = torch.rand(12, generator=generator)
    drawn = boxes_to_probability_map(boxes, scores, (20, 24))
    assert torch.equal(drawn, draw_by_pixel(boxes, scores, (20, 24)))
    assert drawn.max() > 0


def test_no_boxes_draw_nothing():
    drawn = boxes_to_probability_map(torch.zeros(0, 4), torch.zeros(0), (3, 4))
    assert torch.equal(drawn, torch.zeros(3, 4))


def test_a_pixel_is_covered_by_its_centre():
    box = torch.tensor([[0.5, 0.6, 2.5, 1.6]])
    drawn = boxes_to_probability_map(box, torch.tensor([0.7]), (3, 4))
    assert drawn.nonzero().tolist() == [[1, 0], [1, 1]]


# map to boxes


def test_disjoint_boxes_come_back():
    boxes = torch.tensor(
        [[2.0, 3.0, 10.0, 9.0], [14.0, 0.0, 20.0, 12.0], [0.0, 15.0, 30.0, 20.0]]
    )
    scores = torch.tensor([0.2, 0.9, 0.5])
    drawn = boxes_to_probability_map(boxes, scores, (20, 30))
    found, found_scores = map_to_boxes(drawn)
    order = scores.argsort(descending=True)
    assert torch.equal(found, boxes[order])
    assert torch.equal(found_scores, scores[order])


@pytest.mark.parametrize('fraction', [0.1353, 0.5, 0.7])
def test_a_blob_ends_where_its_gaussian_falls_to_the_fraction(fraction):
    found, scores = map_to_boxes(
        gaussians((60, 80), (40, 30, 5, 0.8)), fraction=fraction
    )
    reach = int(5 * np.sqrt(-2 * np.log(fraction)))
    assert found.tolist() == [[40 - reach, 30 - reach, 41 + reach, 31 + reach]]
    assert scores.tolist() == pytest.approx([0.8])


def test_two_blobs_apart():
    found, scores = map_to_boxes(
        gaussians((60, 80), (20, 30, 4, 0.3), (60, 30, 4, 0.9)), fraction=0.5
    )
    assert found.tolist() == [[56, 26, 65, 35], [16, 26, 25, 35]]
    assert scores.tolist() == pytest.approx([0.9, 0.3])


@pytest.mark.parametrize('fraction, count', [(0.3, 1), (0.9, 2)])
def test_touching_blobs_are_one_where_the_saddle_is_above_the_fraction(fraction, count):
    drawn = gaussians((40, 60), (20, 20, 5, 0.9), (34, 20, 5, 0.8))
    assert 0.3 < drawn[20, 27] / 0.9 < 0.9
    found, scores = map_to_boxes(drawn, fraction=fraction)
    assert scores.tolist() == pytest.approx([0.9, 0.8][:count])
    assert (found[0, 2] > 34) == (count == 1)


def test_a_weaker_blob_whose_region_swallows_a_stronger_one_is_left():
    drawn = gaussians((40, 60), (20, 20, 5, 0.9), (34, 20, 5, 0.5))
    # the saddle, 0.31, is below half of 0.9 and above half of 0.5
    _, scores = map_to_boxes(drawn, fraction=0.5)
    assert scores.tolist() == pytest.approx([0.9])
    _, scores = map_to_boxes(drawn, fraction=0.7)
    assert scores.tolist() == pytest.approx([0.9, 0.5])


@pytest.mark.parametrize('score, count', [(0.8, 1), (0.02, 0)])
def test_one_level_everywhere(score, count):
    found, scores = map_to_boxes(torch.full((5, 7), score), min_score=0.1)
    assert found.tolist() == [[0, 0, 7, 5]] * count
    assert scores.tolist() == pytest.approx([score] * count)


def test_nothing_on_an_empty_map():
    found, scores = map_to_boxes(torch.zeros(5, 7))
    assert found.shape == (0, 4) and scores.shape == (0,)


def test_plateau_and_single_pixel():
    drawn = torch.zeros(9, 9)
    drawn[1:4, 2:6] = 0.6
    drawn[7, 8] = 0.4
    found, scores = map_to_boxes(drawn)
    assert found.tolist() == [[2, 1, 6, 4], [8, 7, 9, 8]]
    assert scores.tolist() == pytest.approx([0.6, 0.4])
    found, _ = map_to_boxes(drawn, min_area=2)
    assert found.tolist() == [[2, 1, 6, 4]]


def boxes_by_pixel(values, fraction, min_score, min_area, iou, most):
    """The rule of ``map_to_boxes``, a pixel at a time."""
    height, width = values.shape

    def around(y, x):
        return [
            (j, i)
            for j in range(max(y - 1, 0), min(y + 2, height))
            for i in range(max(x - 1, 0), min(x + 2, width))
        ]

    pixels = [(y, x) for y in range(height) for x in range(width)]
    peaks = [
        p
        for p in pixels
        if values[p] >= min_score and all(values[p] >= values[q] for q in around(*p))
    ]
    taken, found = set(), []
    for peak in sorted(peaks, key=lambda p: -values[p]):
        if peak in taken or len(found) == most:
            continue
        region, todo = {peak}, [peak]
        while todo:
            new = {
                q for q in around(*todo.pop()) if values[q] >= fraction * values[peak]
            } - region
            region |= new
            todo += new
        taken |= region
        ys, xs = zip(*region)
        box = min(xs), min(ys), max(xs) + 1, max(ys) + 1
        if len(region) >= min_area and all(
            _iou(box, other) <= iou for other, _ in found
        ):
            found.append((box, values[peak]))
    return found


def _iou(a, b):
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(wide, 0) * max(high, 0)
    areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    return shared / (sum(areas) - shared)


@pytest.mark.parametrize('seed', range(8))
@pytest.mark.parametrize(
    'arguments',
    [
        (0.7, 0.02, 1, 0.2, 20),
        (0.5, 0.3, 4, 0.5, 3),
        (0.9, 0.0, 1, 0.0, 100),
    ],
)
def test_agrees_with_the_rule_pixel_by_pixel(seed, arguments):
    noise = np.random.default_rng(seed).random((32, 40))
    drawn = gaussian_filter(noise, 0.5 + seed / 4)
    drawn = ((drawn - drawn.min()) / np.ptp(drawn)) ** (1 + seed % 4)
    if seed % 2:
        drawn = drawn.round(1)  # plateaus
    drawn = drawn.astype(np.float32)
    expected = boxes_by_pixel(drawn, *arguments)
    names = 'fraction', 'min_score', 'min_area', 'iou_threshold', 'max_per_img'
    found, scores = map_to_boxes(torch.from_numpy(drawn), **dict(zip(names, arguments)))
    assert expected
    assert found.tolist() == [list(box) for box, _ in expected]
    assert scores.tolist() == [score for _, score in expected]


def test_a_large_map_is_fast():
    noise = np.random.default_rng(0).random((750, 375))
    drawn = gaussian_filter(noise, 6)
    drawn = torch.from_numpy((drawn - drawn.min()) / np.ptp(drawn)).float() ** 4
    times = []
    for _ in range(5):
        start = time.process_time()
        assert len(map_to_boxes(drawn)[0]) == 20
        times.append(time.process_time() - start)
    assert min(times) < 0.05


def test_limits():
    drawn = gaussians(
        (40, 200), *[(10 + 20 * i, 20, 2, 0.1 + 0.08 * i) for i in range(10)]
    )
    _, scores = map_to_boxes(drawn)
    assert len(scores) == 10
    assert torch.equal(scores, scores.sort(descending=True).values)
    assert torch.equal(map_to_boxes(drawn, max_per_img=3)[1], scores[:3])
    assert torch.equal(map_to_boxes(drawn, min_score=0.4)[1], scores[scores >= 0.4])


def test_instances_are_cut_to_the_image_and_rescaled():
    drawn = torch.zeros(1, 1, 32, 32)
    drawn[0, 0, 4:8, 6:12] = 0.5
    drawn[0, 0, 28:, :] = 0.9  # in the padding
    sample = DetDataSample(metainfo=dict(img_shape=(24, 30), scale_factor=(0.5, 0.25)))
    found = instances_from_map(drawn, sample)
    assert found.bboxes.tolist() == [[12, 16, 24, 32]]
    assert found.labels.tolist() == [0]
    assert found.scores.tolist() == [0.5]
    kept = instances_from_map(drawn, sample, rescale=False)
    assert kept.bboxes.tolist() == [[6, 4, 12, 8]]
