"""Outlines partly outside their image, wrong ones and repeated ones."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mammo_plugins.converters import RawLesion
from mammo_plugins.converters.outlines import drop_repeated, resolve_outline
from mammo_plugins.structures import segmentation_fault

HEIGHT, WIDTH = 100, 60


def resolve(**outline):
    return resolve_outline(RawLesion('mass', **outline), Path('.'), HEIGHT, WIDTH)


def reasons(remarks):
    return [remark.partition(':')[0] for remark in remarks]


def star(x, y, radius, corners=9):
    """A polygon of spikes: neither convex nor along the axes."""
    angles = 2 * np.pi * np.arange(2 * corners) / (2 * corners)
    radii = np.where(np.arange(2 * corners) % 2, 0.4, 1.0) * radius
    return list(zip(x + radii * np.cos(angles), y + radii * np.sin(angles)))


def drawn(polygon, scale=16):
    """Shares and area in the image by drawing on a large canvas of fine pixels."""
    canvas = np.zeros((3 * HEIGHT * scale, 3 * WIDTH * scale), np.uint8)
    points = (np.array(polygon) + (WIDTH, HEIGHT)) * scale
    cv2.fillPoly(canvas, [np.rint(points).astype(np.int32)], 1)
    inside = canvas[
        HEIGHT * scale : 2 * HEIGHT * scale, WIDTH * scale : 2 * WIDTH * scale
    ]
    ys, xs = np.nonzero(inside)
    box = (
        None
        if not len(xs)
        else np.array([xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]) / scale
    )
    return inside.sum() / canvas.sum(), inside.sum() / scale**2, box


@pytest.mark.parametrize(
    'x, y',
    [
        (30, 50),
        (0, 50),
        (-4, 50),
        (3, 4),
        (55, 97),
        (60, 100),
        (70, 50),
        (57, 2),
        (30, 110),
        (-30, -30),
    ],
)
def test_polygons_are_cut_as_drawn(x, y):
    polygon = star(x, y, 20)
    share, area, box = drawn(polygon)
    outline, remarks = resolve(polygons=[polygon])
    if share < 0.49:
        assert outline is None
        assert reasons(remarks) == [
            'outline mostly outside its image' if share else 'outline outside its image'
        ]
        return
    assert share > 0.51 or reasons(remarks)  # nothing too near to tell
    assert outline['bbox'] == pytest.approx(box, abs=0.15)
    assert outline['area'] == pytest.approx(area, abs=0.06 * area)
    assert segmentation_fault(outline['segmentation'], HEIGHT, WIDTH) is None
    assert reasons(remarks) == (
        [] if share > 0.999 else ['outline clipped at the edge of its image']
    )


def test_the_share_in_the_image_is_told():
    assert resolve(box=(50, 10, 70, 20)) == (
        dict(bbox=[50, 10, 10, 10], area=100, segmentation=[]),
        [
            'outline clipped at the edge of its image: box 50 10 70 20: 50% of '
            'its area in 60 x 100 pixels (w x h)'
        ],
    )


@pytest.mark.parametrize(
    'box, reason',
    [
        ((51, 10, 71, 20), 'outline mostly outside its image'),
        ((-10, -10, 9, 9), 'outline mostly outside its image'),
        ((60, 10, 71, 20), 'outline outside its image'),
        ((-20, -20, -5, -5), 'outline outside its image'),
        ((20, 10, 10, 20), 'box that ends before it starts'),
        ((10, 20, 20, 10), 'box that ends before it starts'),
        ((10, 10, 10, 20), 'outline without area'),
        ((10, float('nan'), 10, 20), 'box that is not of finite numbers'),
        ((10, 10, float('inf'), 20), 'box that is not of finite numbers'),
    ],
)
def test_boxes_that_cannot_be_used(box, reason):
    outline, remarks = resolve(box=box)
    assert outline is None and reasons(remarks) == [reason]


def test_rounding_is_not_counted():
    assert resolve(box=(-1e-9, 10, 20, 20))[1] == []


@pytest.mark.parametrize(
    'polygon, reason',
    [
        ([(10, 10), (20, 20)], 'outline without area'),
        ([(10, 10), (20, 10), (15, 10)], 'outline without area'),
        (
            [(10, 10), (20, 10), (float('nan'), 10)],
            'outline that is not of finite numbers',
        ),
        ([(1e9, 10), (2e9, 10), (2e9, 90)], 'outline outside its image'),
    ],
)
def test_polygons_that_cannot_be_used(polygon, reason):
    outline, remarks = resolve(polygons=[polygon])
    assert outline is None and reasons(remarks) == [reason]


def test_a_part_outside_is_cut_off():
    parts = [star(30, 50, 10), star(30, 130, 5)]
    outline, remarks = resolve(polygons=parts)
    assert len(outline['segmentation']) == 1
    assert reasons(remarks) == ['outline clipped at the edge of its image']


def test_the_box_of_a_speck_stays():
    """Between the centres of pixels no mask can be drawn."""
    outline, remarks = resolve(polygons=[[(10.1, 10.1), (10.4, 10.1), (10.4, 10.4)]])
    assert outline['bbox'] == pytest.approx([10.1, 10.1, 0.3, 0.3])
    assert outline['segmentation'] == [] and outline['area'] == pytest.approx(0.045)
    assert reasons(remarks) == ['outline too small for a mask, of which the box stays']


@pytest.mark.parametrize(
    'shape, fill, reason',
    [
        ((50, 30), slice(5, 9), None),
        ((50, 60), slice(5, 9), 'unusable mask'),  # as wide, half as high: a crop
        ((100, 60), slice(0, 0), 'unusable mask'),  # blank
        ((1000, 600), slice(1, 2), 'empty mask'),  # lost when it is made smaller
        ((100, 60), slice(0, 80), 'mask that covers more than half of its image'),
        ((100, 60), slice(3, 99), 'mask of nearly the whole image'),  # inverted
    ],
)
def test_masks(tmp_path, shape, fill, reason):
    mask = np.zeros(shape, np.uint8)
    mask[fill] = 255
    cv2.imwrite(str(tmp_path / 'mask.png'), mask)
    outline, remarks = resolve_outline(
        RawLesion('mass', mask_file=Path('mask.png')), tmp_path, HEIGHT, WIDTH
    )
    assert reasons(remarks) == ([] if reason is None else [reason])
    assert (outline is None) == (
        reason in ('unusable mask', 'empty mask', 'mask of nearly the whole image')
    )


def test_a_box_stands_in_for_a_mask_that_cannot_be_used(tmp_path):
    outline, remarks = resolve_outline(
        RawLesion('mass', mask_file=Path('gone.png'), box=(1, 2, 11, 12)),
        tmp_path,
        HEIGHT,
        WIDTH,
    )
    assert outline['bbox'] == [1, 2, 10, 10]
    assert reasons(remarks) == ['unusable mask']


def test_the_same_outline_is_one_lesion():
    def annotation(**changes):
        return {
            **dict(
                category='mass',
                bbox=[1, 2, 3, 4],
                area=12,
                segmentation=[],
                birads='4',
                pathology='benign',
                lesion_id=None,
            ),
            **changes,
        }

    kept, remarks = drop_repeated(
        [
            annotation(),
            annotation(),
            annotation(category='calcification'),
            annotation(bbox=[1, 2, 3, 5]),
            annotation(pathology='malignant'),
        ]
    )
    assert [lesion['category'] for lesion in kept] == ['mass', 'calcification', 'mass']
    assert remarks == [
        'lesion given twice: mass',
        'lesion given twice that contradicts itself: pathology benign and '
        'malignant; the first is kept',
    ]


def test_a_mask_and_its_box_are_one_lesion():
    """The mask stays, and what only the other says is added."""
    facts = dict(category='mass', birads=None, pathology=None, lesion_id=None)
    box = dict(facts, bbox=[10, 10, 20, 20], area=400, segmentation=[], birads='4')
    mask, _ = resolve(polygons=[[(10, 10), (30, 10), (30, 30), (10, 30)]])
    other = dict(facts, bbox=[14, 10, 20, 20], area=400, segmentation=[])
    kept, remarks = drop_repeated([box, {**facts, **mask}, other])
    assert [lesion['bbox'] for lesion in kept] == [[10, 10, 20, 20], [14, 10, 20, 20]]
    assert kept[0]['segmentation'] and kept[0]['birads'] == '4'
    assert remarks == ['lesion given twice: mass']
