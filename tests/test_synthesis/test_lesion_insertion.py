"""Tumours blended in, against the formula pixel by pixel."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammo_plugins.synthesis import insert_lesions, sample_positions

SEEDS = st.integers(0, 10**6)


def drawn(seed, count):
    """An image, tumours and centres, some of them over the border."""
    rng = np.random.default_rng(seed)
    image = rng.random(rng.integers(1, 14, 2)).astype(np.float32)
    lesions = [
        rng.random(rng.integers(1, 9, 2)).astype(np.float32) for _ in range(count)
    ]
    height, width = image.shape
    centres = [
        (rng.uniform(-4, width + 4), rng.uniform(-4, height + 4)) for _ in range(count)
    ]
    return image, lesions, centres, rng.random(image.shape) < 0.7


def by_loop(image, lesions, centres, spread, inside):
    """The formula of section 2.3 to the letter, in double precision."""
    fake, weights = np.zeros(image.shape), np.zeros(image.shape)
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            product, total = 1.0, 0.0
            for lesion, (x, y) in zip(lesions, centres):
                h, w = lesion.shape
                top = math.floor(y - h / 2 + 0.5)
                left = math.floor(x - w / 2 + 0.5)
                if not (0 <= i - top < h and 0 <= j - left < w and inside[i, j]):
                    continue
                alpha = math.exp(
                    -(((j + 0.5 - left - w / 2) / (spread * w)) ** 2) / 2
                    - ((i + 0.5 - top - h / 2) / (spread * h)) ** 2 / 2
                )
                product *= 1 - alpha
                total += lesion[i - top, j - left] * alpha
            fake[i, j] = min(max(image[i, j] * product + total, 0), 1)
            weights[i, j] = 1 - product
    return fake, weights


@settings(deadline=None, derandomize=True, max_examples=80)
@given(SEEDS, st.integers(0, 3), st.floats(0.05, 2))
def test_the_formula_pixel_by_pixel(seed, count, spread):
    image, lesions, centres, inside = drawn(seed, count)
    expected = by_loop(image, lesions, centres, spread, inside)
    made = insert_lesions(image, lesions, centres, spread=spread, inside=inside)
    for found, wanted in zip(made, expected):
        assert found.dtype == np.float32 and found.shape == image.shape
        np.testing.assert_allclose(found, wanted, atol=1e-6)


@settings(deadline=None, derandomize=True, max_examples=80)
@given(SEEDS, st.integers(1, 3), st.floats(0.05, 2))
def test_air_is_untouched_and_values_stay_in_range(seed, count, spread):
    image, lesions, centres, inside = drawn(seed, count)
    fake, weights = insert_lesions(
        image, lesions, centres, spread=spread, inside=inside
    )
    np.testing.assert_array_equal(fake[~inside], image[~inside])
    np.testing.assert_array_equal(fake[weights == 0], image[weights == 0])
    assert not weights[~inside].any()
    for values in (fake, weights):
        assert values.min() >= 0 and values.max() <= 1


@settings(deadline=None, derandomize=True, max_examples=40)
@given(SEEDS)
def test_no_weight_changes_no_pixel(seed):
    image, lesions, centres, inside = drawn(seed, 2)
    height, width = image.shape
    for arguments in (([], []), (lesions, [(width + 9, 2), (3, -9)])):
        fake, weights = insert_lesions(image, *arguments)
        np.testing.assert_array_equal(fake, image)
        assert not weights.any()
    fake, _ = insert_lesions(image, lesions, centres, inside=inside & False)
    np.testing.assert_array_equal(fake, image)


def test_the_middle_is_the_tumour_and_the_covariance_follows_its_size():
    """Weights read back as moments: a Gaussian of 0.1 times width and height."""
    lesion = np.full((101, 201), 0.9, np.float32)
    fake, weights = insert_lesions(
        np.full((300, 300), 0.2, np.float32), [lesion], [(150.5, 120.5)], spread=0.1
    )
    assert weights[120, 150] == 1 and fake[120, 150] == np.float32(0.9)
    rows, columns = np.mgrid[:300, :300] + 0.5
    total = weights.sum(dtype=float)
    assert (columns * weights).sum() / total == pytest.approx(150.5, abs=1e-3)
    assert ((columns - 150.5) ** 2 * weights).sum() / total == pytest.approx(
        20.1**2, rel=1e-3
    )
    assert ((rows - 120.5) ** 2 * weights).sum() / total == pytest.approx(
        10.1**2, rel=1e-3
    )
    np.testing.assert_allclose(fake, 0.2 + 0.7 * weights, atol=1e-6)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(SEEDS)
def test_air_of_a_patch_is_not_shown(seed):
    """As if its pixels were those of the image that they lie on."""
    image, lesions, centres, inside = drawn(seed, 2)
    shown = [np.random.default_rng(seed).random(part.shape) < 0.5 for part in lesions]
    made, weights = insert_lesions(image, lesions, centres, inside=inside, shown=shown)
    other = [
        np.where(mask, part, 0.123).astype(np.float32)
        for mask, part in zip(shown, lesions)
    ]
    np.testing.assert_array_equal(
        made, insert_lesions(image, other, centres, inside=inside, shown=shown)[0]
    )
    everywhere = [np.ones(part.shape, bool) for part in lesions]
    whole = insert_lesions(image, lesions, centres, inside=inside)
    np.testing.assert_array_equal(
        whole, insert_lesions(image, lesions, centres, inside=inside, shown=everywhere)
    )
    assert (weights <= whole[1] + 1e-6).all()


def test_overlapping_tumours_add_up_and_are_clipped():
    image = np.full((9, 9), 0.5, np.float32)
    tumour = np.full((5, 5), 0.7, np.float32)
    fake, weights = insert_lesions(image, [tumour] * 2, [(4.5, 4.5)] * 2)
    assert fake[4, 4] == 1  # 0.7 + 0.7
    assert weights[4, 4] == 1
    alpha = math.exp(-((1 / 1.25) ** 2) / 2)
    assert fake[4, 5] == pytest.approx(
        min(1, 0.5 * (1 - alpha) ** 2 + 2 * 0.7 * alpha), abs=1e-6
    )


def test_the_inputs_are_left_alone():
    image, lesions, centres, inside = drawn(3, 2)
    before = image.copy(), [lesion.copy() for lesion in lesions]
    insert_lesions(image, lesions, centres, inside=inside)
    np.testing.assert_array_equal(image, before[0])
    for lesion, copy in zip(lesions, before[1]):
        np.testing.assert_array_equal(lesion, copy)


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(image=np.zeros((4, 4), np.uint16)), 'image must be a float'),
        (dict(image=np.zeros((4, 4, 1), np.float32)), 'image must be a float'),
        (dict(lesions=[np.full((2, 2), 1.5)]), 'lesion 0 must lie in'),
        (dict(lesions=[np.full((2, 2), np.nan)]), 'lesion 0 must lie in'),
        (dict(lesions=[np.zeros((0, 2))]), 'lesion 0 must be a float'),
        (dict(centres=[(1, 1)] * 2), '1 lesions have 2 centres'),
        (dict(inside=np.ones((4, 5), bool)), 'inside must be a bool mask'),
        (dict(spread=0.0), 'sigma must be above 0'),
        (dict(shown=[np.ones((2, 3), bool)]), 'shown must have a mask'),
    ],
)
def test_mistakes(change, message):
    arguments = dict(
        image=np.zeros((4, 4), np.float32),
        lesions=[np.zeros((2, 2), np.float32)],
        centres=[(1, 1)],
    )
    with pytest.raises(ValueError, match=message):
        insert_lesions(**{**arguments, **change})


@settings(deadline=None, derandomize=True, max_examples=60)
@given(SEEDS, st.floats(0, 1))
def test_positions_by_brute_force(seed, share):
    """Each drawn centre is allowed, and ``None`` means that no place was."""
    rng = np.random.default_rng(seed)
    inside = np.zeros(rng.integers(1, 12, 2), bool)
    bottom, right = rng.integers(0, inside.shape) + 1
    inside[:bottom, :right] = True
    sizes = [tuple(rng.integers(1, 16, 2)) for _ in range(4)]

    def allowed(i, j, h, w):
        top, left = i - (h - 1) // 2, j - (w - 1) // 2
        count = sum(
            inside[r, c]
            for r in range(max(top, 0), top + h)
            for c in range(max(left, 0), left + w)
            if r < inside.shape[0] and c < inside.shape[1]
        )
        return inside[i, j] and count >= share * h * w

    for place, (h, w) in zip(sample_positions(inside, sizes, rng, share), sizes):
        if place is None:
            assert not any(allowed(i, j, h, w) for i, j in np.ndindex(inside.shape))
        else:
            assert allowed(int(place[1]), int(place[0]), h, w)


def test_positions_are_even_over_the_breast():
    inside = np.zeros((8, 8), bool)
    inside[2:4, 1:3] = True
    places = np.array(
        sample_positions(inside, [(1, 1)] * 4000, np.random.default_rng(0), 0.0)
    )
    counts, _, _ = np.histogram2d(places[:, 1], places[:, 0], bins=[range(9), range(9)])
    assert (counts[~inside] == 0).all()
    assert (np.abs(counts[inside] - 1000) < 4 * math.sqrt(750)).all()
    assert np.mean(places % 1) == pytest.approx(0.5, abs=0.02)  # within pixels too


def test_a_tumour_without_a_place_does_not_move_the_others():
    inside = np.ones((20, 20), bool)
    for first in ((3, 3), (90, 90)):
        places = sample_positions(inside, [first, (4, 4)], np.random.default_rng(1))
        assert (places[0] is None) == (first == (90, 90))
        assert (
            places[1]
            == sample_positions(inside, [(3, 3), (4, 4)], np.random.default_rng(1))[1]
        )


def test_bad_masks_and_shares_are_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match='inside must be a bool mask'):
        sample_positions(np.ones((3, 3)), [(1, 1)], rng)
    with pytest.raises(ValueError, match='min_inside'):
        sample_positions(np.ones((3, 3), bool), [(1, 1)], rng, 1.1)
