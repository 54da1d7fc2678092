import numpy as np
import pytest
from scipy import ndimage

from mammo_plugins.anatomy import breast_bbox, breast_mask, breast_side
from mammo_plugins.phantom import PhantomConfig, make_exam


def half_disc(side='left', height=200, width=120, radius=70):
    """A bright half disc at one border, and its exact mask."""
    y, x = np.mgrid[:height, :width] + 0.5
    wall = 0 if side == 'left' else width
    mask = (x - wall)**2 + (y - height / 2)**2 < radius**2
    rng = np.random.default_rng(0)
    return (0.5 * mask + rng.normal(0, 0.005, mask.shape)).astype(
        np.float32), mask


def assert_within_three_pixels(mask, truth):
    """The blur before the threshold moves the edge by a few pixels, no more."""
    reach = ndimage.generate_binary_structure(2, 2)
    assert not (mask & ~ndimage.binary_dilation(truth, reach, 3)).any()
    assert not (ndimage.binary_erosion(truth, reach, 3, border_value=1)
                & ~mask).any()


@pytest.mark.parametrize('side', ['left', 'right'])
def test_mask_of_a_half_disc(side):
    pixels, truth = half_disc(side)
    assert_within_three_pixels(breast_mask(pixels), truth)
    assert breast_side(breast_mask(pixels)) == side


def test_labels_and_markers_are_left_out():
    pixels, truth = half_disc()
    pixels[10:25, 85:115] = 1.0  # a lead marker, brighter than any tissue
    mask = breast_mask(pixels)
    assert not mask[10:25, 85:115].any()
    assert_within_three_pixels(mask, truth)


def test_scale_of_the_grey_values_does_not_matter():
    pixels, _ = half_disc()
    np.testing.assert_array_equal(
        breast_mask(pixels), breast_mask(pixels * 4095))


def test_blank_image_has_no_breast():
    mask = breast_mask(np.full((50, 40), 0.3, np.float32))
    assert not mask.any()
    assert breast_side(mask) is None
    assert breast_bbox(mask) is None


def test_bbox_by_brute_force():
    rng = np.random.default_rng(1)
    for _ in range(50):
        mask = rng.random((12, 9)) < 0.05
        if not mask.any():
            continue
        points = [(x, y) for y in range(12) for x in range(9) if mask[y, x]]
        xs, ys = zip(*points)
        assert breast_bbox(mask) == (min(xs), min(ys), max(xs) + 1, max(ys) + 1)
        assert breast_bbox(mask, 3) == (max(0, min(xs) - 3), max(
            0, min(ys) - 3), min(9, max(xs) + 4), min(12, max(ys) + 4))


def test_side_of_phantoms_is_their_laterality():
    for seed in range(4):
        exam = make_exam(seed, PhantomConfig(size=(128, 64)))
        for (laterality, *_), view in exam.views.items():
            pixels = view.pixels / 4095.
            side = breast_side(breast_mask(pixels))
            assert side == {'L': 'left', 'R': 'right'}[laterality]
