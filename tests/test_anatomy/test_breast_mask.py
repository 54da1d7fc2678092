import cv2
import numpy as np
import pytest
from scipy import ndimage

from mammo_plugins.anatomy import breast_mask, breast_side, mask_bbox
from mammo_plugins.anatomy.breast_mask import _largest, _without_threads
from mammo_plugins.phantom import PhantomConfig, make_exam


def half_disc(side='left', height=200, width=120, radius=70):
    """A bright half disc at one border, and its exact mask."""
    y, x = np.mgrid[:height, :width] + 0.5
    wall = 0 if side == 'left' else width
    mask = (x - wall) ** 2 + (y - height / 2) ** 2 < radius**2
    rng = np.random.default_rng(0)
    return (0.5 * mask + rng.normal(0, 0.005, mask.shape)).astype(np.float32), mask


def assert_within_three_pixels(mask, truth):
    """The blur before the threshold moves the edge by a few pixels, no more."""
    reach = ndimage.generate_binary_structure(2, 2)
    assert not (mask & ~ndimage.binary_dilation(truth, reach, 3)).any()
    assert not (ndimage.binary_erosion(truth, reach, 3, border_value=1) & ~mask).any()


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
    np.testing.assert_array_equal(breast_mask(pixels), breast_mask(pixels * 4095))


def test_blank_image_has_no_breast():
    mask = breast_mask(np.full((50, 40), 0.3, np.float32))
    assert not mask.any()
    assert breast_side(mask) is None
    with pytest.raises(ValueError, match='empty mask'):
        mask_bbox(mask)


def test_bbox_by_brute_force():
    rng = np.random.default_rng(1)
    for _ in range(50):
        mask = rng.random((12, 9)) < 0.05
        if not mask.any():
            continue
        points = [(x, y) for y in range(12) for x in range(9) if mask[y, x]]
        xs, ys = zip(*points)
        assert mask_bbox(mask) == (min(xs), min(ys), max(xs) + 1, max(ys) + 1)
        assert mask_bbox(mask, 3) == (
            max(0, min(xs) - 3),
            max(0, min(ys) - 3),
            min(9, max(xs) + 4),
            min(12, max(ys) + 4),
        )


def test_side_of_phantoms_is_their_laterality():
    for seed in range(4):
        exam = make_exam(seed, PhantomConfig(size=(128, 64)))
        for (laterality, *_), view in exam.views.items():
            pixels = view.pixels / 4095.0
            side = breast_side(breast_mask(pixels))
            assert side == {'L': 'left', 'R': 'right'}[laterality]


def fading_breast(height=400, width=300, seed=0):
    """A half ellipse with a faint skin line and texture; its exact mask."""
    y, x = np.mgrid[:height, :width] + 0.5
    r = np.hypot(x / 150, (y - height / 2) / 140)
    rng = np.random.default_rng(seed)
    tissue = 0.45 + 0.05 * cv2.GaussianBlur(rng.normal(0, 20, r.shape), (0, 0), 8)
    pixels = tissue * np.clip((1 - r) / 0.15, 0, 1) ** 1.5
    noise = 0.002 * rng.normal(size=r.shape)
    return np.clip(pixels + noise, 0, 1).astype(np.float32), r < 1


def white_frame(pixels):
    for part in (pixels, pixels[::-1], pixels.T, pixels.T[::-1]):
        part[:12] = 1


def white_strips(pixels):
    pixels[:6] = pixels[-9:] = 0.9


def corner_bracket(pixels):
    pixels[5:45, 255:260] = pixels[5:10, 255:290] = 1


def label(pixels):
    letters = cv2.putText(
        np.zeros(pixels.shape, np.uint8),
        'R-CC',
        (180, 40),
        cv2.FONT_HERSHEY_SIMPLEX,
        1.2,
        1,
        4,
    )
    pixels[letters > 0] = 1


def tape(pixels):
    corners = np.array([[170, 20], [290, 40], [280, 80], [165, 60]])
    cv2.fillPoly(pixels, [corners], 0.5)


def marker_balls(pixels):
    for x, y in ((150, 200), (128, 130), (60, 200)):
        cv2.circle(pixels, (x, y), 3, 1.0, -1)


def leaked_light(pixels):
    pixels[:] = np.maximum(pixels, 0.4 * np.exp(-np.arange(300) / 6))


def scanner_edge(pixels):
    pixels[:, -2:] = 0.8
    pixels[:, :2] = 0.8


def collimator(pixels):
    """Beside the padding the detector shows air."""
    pixels[30:-30, :260] = np.maximum(pixels[30:-30, :260], 0.02)


def haze(pixels):
    pixels += np.linspace(0, 0.06, 300, dtype=np.float32)


@pytest.mark.parametrize('side', ['left', 'right'])
@pytest.mark.parametrize(
    'spoil',
    [
        white_frame,
        white_strips,
        corner_bracket,
        label,
        tape,
        marker_balls,
        leaked_light,
        scanner_edge,
        collimator,
        haze,
    ],
)
def test_what_is_not_breast_is_left_out(spoil, side):
    pixels, truth = fading_breast()
    spoil(pixels)
    truth = truth & (pixels < 0.85)  # not what lies below a border or marker
    if side == 'right':
        pixels, truth = pixels[:, ::-1], truth[:, ::-1]
    mask = breast_mask(pixels)
    distance = ndimage.distance_transform_edt(~truth)
    assert (mask & ~truth).sum() < 0.05 * truth.sum()
    assert distance[mask].max() < 15
    assert (truth & ~mask).sum() < 0.05 * truth.sum()


def test_skin_is_not_cut():
    """Where it is as faint as a hundredth of the breast."""
    pixels, truth = fading_breast()
    visible = truth & (ndimage.gaussian_filter(pixels, 1) > 0.01)
    mask = breast_mask(pixels)
    assert (visible & ~mask).sum() < 1e-3 * visible.sum()


def test_tight_crop():
    pixels, truth = fading_breast()
    for rows, columns in (
        (slice(60, 340), slice(0, 150)),
        (slice(120, 300), slice(0, 160)),
    ):
        mask = breast_mask(pixels[rows, columns])
        part = truth[rows, columns]
        assert 2 * (mask & part).sum() > 0.97 * (mask.sum() + part.sum())


def test_large_images_are_found_as_small_ones_are():
    pixels, truth = fading_breast()
    large = cv2.resize(pixels, None, fx=4, fy=4)
    mask = breast_mask(large)
    truth = cv2.resize(truth.astype(np.uint8), None, fx=4, fy=4) > 0
    assert mask.shape == large.shape
    assert 2 * (mask & truth).sum() > 0.98 * (mask.sum() + truth.sum())


def test_regions_are_those_of_scipy():
    """The largest without holes, and without what is thin, to the image's edges."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        mask = ndimage.gaussian_filter(
            rng.random(rng.integers(1, 60, 2)), rng.uniform(0.3, 3)
        )
        mask = mask > np.quantile(mask, rng.uniform(0.1, 0.9))
        assert np.array_equal(
            _without_threads(mask), ndimage.binary_opening(mask, iterations=2)
        )
        labels, count = ndimage.label(mask)
        if count:
            first = 1 + np.bincount(labels.ravel())[1:].argmax()
            assert np.array_equal(
                _largest(mask), ndimage.binary_fill_holes(labels == first)
            )
