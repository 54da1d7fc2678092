"""Outlines filled and masks encoded, against pycocotools and by counting pixels."""

import json

import numpy as np
import pycocotools.mask as coco_mask
import pytest

from mammo_plugins.structures import (
    mask_to_segmentation,
    segmentation_fault,
    segmentation_to_mask,
)


@pytest.fixture
def mask():
    return np.random.default_rng(0).random((7, 5)) < 0.5


def test_a_mask_comes_back_through_json(mask):
    code = json.loads(json.dumps(mask_to_segmentation(mask)))
    assert code['size'] == [7, 5] and segmentation_fault(code, 7, 5) is None
    np.testing.assert_array_equal(segmentation_to_mask(code, (7, 5)), mask)


def test_run_length_codes_of_every_form(mask):
    """Runs down the columns, outside first, as COCO writes them."""
    flat = mask.ravel(order='F')
    ends = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *ends, flat.size]).tolist()
    runs = [0, *runs] if flat[0] else runs
    text = mask_to_segmentation(mask)
    for counts in (runs, text['counts'], text['counts'].encode()):
        np.testing.assert_array_equal(
            segmentation_to_mask(dict(size=[7, 5], counts=counts), (7, 5)), mask
        )


def test_polygons_are_united():
    """Two squares that overlap, and one that is apart."""
    squares = [
        [1, 1, 4, 1, 4, 4, 1, 4],
        [2, 2, 6, 2, 6, 6, 2, 6],
        [8, 0, 10, 0, 10, 2, 8, 2],
    ]
    expected = np.zeros((8, 12), bool)
    for x1, y1, _, _, x2, y2, _, _ in squares:
        expected[y1:y2, x1:x2] = True
    np.testing.assert_array_equal(segmentation_to_mask(squares, (8, 12)), expected)
    merged = coco_mask.merge(coco_mask.frPyObjects(squares, 8, 12))
    np.testing.assert_array_equal(coco_mask.decode(merged) > 0, expected)
