"""Blending and pasting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mammo_plugins.synthesis import Region, blend, crop, paste

UNIT = st.floats(0, 1, width=32)
TRIPLES = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: st.tuples(*[hnp.arrays(np.float32, shape, elements=UNIT)] * 3)
)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(TRIPLES)
def test_between_both_images(triple):
    source, target, mask = triple
    mixed = blend(source, target, mask)
    assert mixed.dtype == np.float32
    assert (mixed >= np.minimum(source, target) - 1e-6).all()
    assert (mixed <= np.maximum(source, target) + 1e-6).all()
    # mask and inverse mirror each other
    np.testing.assert_allclose(mixed, blend(target, source, 1 - mask), atol=1e-6)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(TRIPLES)
def test_masks_of_one_value(triple):
    source, target, _ = triple
    np.testing.assert_array_equal(blend(source, target, np.zeros_like(source)), source)
    np.testing.assert_array_equal(blend(source, target, np.ones_like(source)), target)


def test_weights_belong_to_the_target():
    one = np.ones((1, 1), np.float32)
    assert blend(0.2 * one, 0.6 * one, 0.75 * one)[0, 0] == pytest.approx(0.5)


def test_shapes_must_agree():
    one = np.ones((2, 2), np.float32)
    with pytest.raises(ValueError, match='one shape'):
        blend(one, one, one[:1])


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.data())
def test_nothing_changes_outside_the_region(data):
    height, width = (data.draw(st.integers(1, 12)) for _ in range(2))
    x1, y1 = (data.draw(st.integers(0, size - 1)) for size in (width, height))
    x2 = data.draw(st.integers(x1 + 1, width))
    y2 = data.draw(st.integers(y1 + 1, height))
    image = np.arange(height * width, dtype=np.float32).reshape(height, width)
    before = image.copy()
    patch = -np.ones((y2 - y1, x2 - x1), np.float32)
    pasted = paste(image, patch, Region(x1, y1, x2, y2, 0.5))
    np.testing.assert_array_equal(image, before)
    for i in range(height):
        for j in range(width):
            inside = y1 <= i < y2 and x1 <= j < x2
            assert pasted[i, j] == (-1 if inside else image[i, j])
    np.testing.assert_array_equal(crop(pasted, (x1, y1, x2, y2)), patch)


def test_a_crop_is_a_copy():
    image = np.zeros((4, 4), np.float32)
    crop(image, (0, 0, 2, 2))[:] = 1
    assert not image.any()


@pytest.mark.parametrize(
    'region',
    [
        (-1, 0, 2, 2),
        (0, -1, 2, 2),
        (3, 0, 6, 2),
        (0, 3, 2, 5),
        (2, 2, 2, 3),
        (2, 3, 3, 2),
    ],
)
def test_regions_outside_the_image_are_refused(region):
    image = np.zeros((4, 5), np.float32)
    with pytest.raises(ValueError, match='reaches outside the image'):
        crop(image, region)
    with pytest.raises(ValueError, match='reaches outside the image'):
        paste(image, image, region)


def test_patches_of_another_size_are_refused():
    image = np.zeros((4, 5), np.float32)
    with pytest.raises(ValueError, match='2 x 1 pixels, the region 1 x 2'):
        paste(image, np.zeros((2, 1), np.float32), (0, 0, 2, 1))
