"""The one check of masks, held against pycocotools on sound and hostile ones."""

import subprocess
import sys

import numpy as np
import pycocotools.mask as coco_mask
import pytest

from mammo_plugins.structures import (
    outline_fault,
    same_outline,
    segmentation_extent,
    segmentation_fault,
)

SQUARE = [2, 3, 12, 3, 12, 9, 2, 9]


def encode(mask):
    code = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return dict(size=list(mask.shape), counts=code['counts'].decode())


def masks():
    rng = np.random.default_rng(0)
    for height, width in ((1, 1), (1, 40), (40, 1), (7, 5), (300, 210)):
        for share in (0.02, 0.5, 0.98, 1.0):
            yield (rng.random((height, width)) < share).astype(np.uint8)
    filled = np.zeros((3000, 2000), np.uint8)  # runs of several characters
    filled[100:2800, 50:1900] = 1
    yield filled


def test_run_lengths_are_those_of_pycocotools():
    for mask in masks():
        code = encode(mask)
        if not mask.any():
            assert 'empty' in segmentation_fault(code, *mask.shape)
            continue
        assert segmentation_fault(code, *mask.shape) is None
        box, area = segmentation_extent(code, *mask.shape)
        assert box.tolist() == coco_mask.toBbox(code).tolist()
        ys, xs = np.nonzero(mask)
        assert area == mask.sum() == len(ys)
        columns = mask.ravel(order='F')
        runs, _value = [], 0
        changes = np.flatnonzero(np.diff(columns)) + 1
        if columns[0]:
            runs, _value = [0], 1
        runs += np.diff([0, *changes, columns.size]).tolist()
        listed = dict(size=list(mask.shape), counts=runs)
        assert segmentation_fault(listed, *mask.shape) is None
        assert segmentation_extent(listed, *mask.shape)[1] == area


def test_polygons_are_filled_as_by_pycocotools():
    box, area = segmentation_extent([SQUARE, [20, 20, 30, 20, 20, 30]], 40, 50)
    assert box.tolist() == [2, 3, 28, 27]
    code = coco_mask.frPyObjects([SQUARE, [20, 20, 30, 20, 20, 30]], 40, 50)
    assert area == coco_mask.area(coco_mask.merge(code))
    assert segmentation_fault([SQUARE], 40, 50) is None
    assert segmentation_fault([], 40, 50) is None
    # a rounded coordinate
    assert segmentation_fault([[-1, 0, 51, 0, 51, 41]], 40, 50) is None


@pytest.mark.parametrize(
    'wrong, said',
    [
        ([SQUARE[:4]], '4 numbers; expected x and y of three points'),
        ([SQUARE[:7]], '7 numbers'),
        ([[]], '0 numbers'),
        (SQUARE, 'polygon 1: expected a list'),
        ([[[2, 3], [12, 3], [12, 9]]], 'three points'),
        (
            [[[2, 3], [12, 3], [12, 9], [1, 1], [1, 2], [1, 3]]],
            'expected finite numbers',
        ),
        ([SQUARE, [1, 2, 3, float('nan'), 5, 6]], 'polygon 2: nan'),
        ([[1, 2, 3, float('inf'), 5, 6]], 'inf'),
        ([[1, 2, 3, '4', 5, 6]], "'4'"),
        ([[1, 2, 3, True, 5, 6]], 'True'),
        ([[1, 2, 3, 10**400, 5, 6]], 'finite'),
        ([[2, 3, 12, 3, 52, 9]], '(52, 9) lies outside the image of 50 x 40'),
        ([[2, 3, 12, 3, 1e9, 9]], 'outside'),
        ([[2, 3, 12, 3, 12, -2]], 'outside'),
        ([[2, 3, 12, 3, 7, 3]], 'empty'),
        ([[2, 3, 2, 3, 2, 3]], 'empty'),
        ([[2.1, 3.1, 2.2, 3.1, 2.2, 3.2]], 'empty'),
        ('polygon', 'got str'),
        (None, 'got NoneType'),
        (dict(size=[50, 40], counts=[2000]), 'its image is [40, 50]'),
        (dict(size=[40.0, 50.0], counts=[2000]), 'size'),
        (dict(size=[40], counts=[2000]), 'size'),
        (dict(counts=[2000]), 'size None'),
        (dict(size=[40, 50]), 'neither a list'),
        (dict(size=[40, 50], counts=b'abc'), 'neither a list'),
        (
            dict(size=[40, 50], counts=[1000, 5]),
            'sum to 1005; expected runs over the 2000',
        ),
        (dict(size=[40, 50], counts=[1000, 5, 2000]), 'sum to 3005'),
        (dict(size=[40, 50], counts=[1000, -5, 1005]), 'whole numbers'),
        (dict(size=[40, 50], counts=[1000, 5.0, 995]), 'whole numbers'),
        (dict(size=[40, 50], counts=[1000, True, 999]), 'whole numbers'),
        (dict(size=[40, 50], counts=[2000]), 'empty'),
        (dict(size=[40, 50], counts=[2000, 0]), 'empty'),
        (dict(size=[40, 50], counts=[]), 'sum to 0'),
        (dict(size=[40, 50], counts=''), 'not a run-length code'),
        (dict(size=[40, 50], counts='\n\x00'), 'not a run-length code'),
        (dict(size=[40, 50], counts='äöü'), 'not a run-length code'),
        (dict(size=[40, 50], counts='Q'), 'cut short'),
        (dict(size=[40, 50], counts='QQQQQQQQQ0'), '32 bits'),
        (dict(size=[40, 50], counts='O'), 'not all positive'),
        (dict(size=[40, 50], counts='PPPPPPO'), 'the counts of the RLE'),
    ],
)
def test_unsound_masks_are_named(wrong, said):
    assert said in segmentation_fault(wrong, 40, 50)


def test_no_code_that_passes_breaks_pycocotools():
    """Hostile texts, in a process of their own: a crash would end the tests."""
    script = """
import random
import numpy as np, pycocotools.mask as m
from mammo_plugins.structures import segmentation_extent, segmentation_fault
random.seed(0)
mask = np.zeros((37, 29), np.uint8); mask[5:20, 3:9] = 1; mask[30:, 20] = 1
sound = m.encode(np.asfortranarray(mask))['counts'].decode()
passed = 0
for _ in range(6000):
    text = list(sound)
    for _ in range(random.randint(0, 2)):
        k = random.randrange(len(text))
        text[k:k + random.randint(0, 1)] = random.choices(
            [chr(c) for c in range(40, 116)], k=random.randint(0, 2))
    code = dict(size=[37, 29], counts=''.join(text))
    if segmentation_fault(code, 37, 29) is None:
        passed += 1
        drawn = m.decode(code)
        assert drawn.sum() == segmentation_extent(code, 37, 29)[1]
print(passed)
"""
    done = subprocess.run(
        [sys.executable, '-c', script], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert 1000 < int(done.stdout) < 6000


def test_outlines_against_boxes():
    sound = dict(bbox=[2, 3, 10, 6], area=60, segmentation=[SQUARE])
    assert outline_fault(sound, 40, 50) is None
    for change, severe, said in (
        (dict(bbox=[20, 20, 10, 6]), True, 'lies elsewhere'),
        (dict(bbox=[2, 3, 10, 9]), False, 'box of the mask'),
        (dict(area=90), False, 'area 90, mask of 60 pixels'),
        (dict(segmentation=[], area=90), False, 'area 90, box of 60 pixels'),
    ):
        fault = outline_fault({**sound, **change}, 40, 50)
        assert fault.severe is severe and said in fault.text
    assert outline_fault({**sound, 'segmentation': [], 'area': 30}, 40, 50) is None


@pytest.mark.parametrize(
    'change, same',
    [
        ({}, True),
        (dict(segmentation=[], area=60), True),  # its box alone
        (dict(segmentation=[], area=66, bbox=[2, 3, 11, 6]), True),  # IoU 10 / 11
        (dict(segmentation=[], area=72, bbox=[2, 3, 12, 6]), False),  # IoU 10 / 12
        (dict(segmentation=dict(size=[40, 50], counts='')), True),  # drawn, as large
        (dict(segmentation=dict(size=[40, 50], counts=''), area=50), False),
        (dict(segmentation=[SQUARE, SQUARE]), False),
        (dict(bbox=[2, 3, 10, 7]), False),
        (dict(segmentation=[], bbox=[20, 30, 10, 6]), False),
    ],
)
def test_outlines_of_one_lesion(change, same):
    one = dict(bbox=[2, 3, 10, 6], area=60, segmentation=[SQUARE])
    assert same_outline(one, {**one, **change}) is same
    assert same_outline({**one, **change}, one) is same
