"""Soft masks against the closed form."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mammo_plugins.synthesis import SoftMask, gaussian_mask, sample_mask_parameters

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(deadline=None, derandomize=True, max_examples=40)
@given(SHAPES, st.floats(-5, 45), st.floats(-5, 45), st.floats(0.3, 100))
def test_closed_form(shape, x, y, sigma):
    mask = gaussian_mask(shape, (x, y), sigma)
    assert mask.shape == shape and mask.dtype == np.float32
    for i, j in {(0, 0), (shape[0] - 1, shape[1] // 2), (shape[0] // 2, 0)}:
        distance = (i + 0.5 - y) ** 2 + (j + 0.5 - x) ** 2
        assert mask[i, j] == pytest.approx(
            math.exp(-distance / (2 * sigma**2)), rel=1e-5, abs=1e-37
        )


def test_it_is_a_round_normal_density():
    density = stats.multivariate_normal([12.25, 7.5], np.eye(2) * 9)
    rows, columns = np.mgrid[:16, :30] + 0.5
    expected = density.pdf(np.dstack([columns, rows])) * 2 * math.pi * 9
    np.testing.assert_allclose(
        gaussian_mask((16, 30), (12.25, 7.5), 3), expected, rtol=1e-5
    )


def test_each_axis_can_have_its_own_width():
    density = stats.multivariate_normal([12.25, 7.5], np.diag([25.0, 4.0]))
    rows, columns = np.mgrid[:16, :30] + 0.5
    expected = density.pdf(np.dstack([columns, rows])) * 2 * math.pi * 10
    np.testing.assert_allclose(
        gaussian_mask((16, 30), (12.25, 7.5), (5, 2)), expected, rtol=1e-5
    )
    np.testing.assert_array_equal(
        gaussian_mask((16, 30), (12.25, 7.5), (3, 3)),
        gaussian_mask((16, 30), (12.25, 7.5), 3),
    )


@settings(deadline=None, derandomize=True, max_examples=40)
@given(SHAPES, st.floats(0, 40), st.floats(0, 40), st.floats(1e-3, 1e6))
def test_mask_and_inverse_sum_to_one(shape, x, y, sigma):
    mask = gaussian_mask(shape, (x, y), sigma)
    assert mask.min() >= 0 and mask.max() <= 1
    np.testing.assert_array_equal(mask + (1 - mask), 1)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(SHAPES, st.data())
def test_the_maximum_is_at_the_centre(shape, data):
    i, j = (data.draw(st.integers(0, size - 1)) for size in shape)
    mask = gaussian_mask(shape, (j + 0.5, i + 0.5), 2.5)
    assert mask[i, j] == 1 and np.argmax(mask) == i * shape[1] + j
    assert np.count_nonzero(mask == 1) == 1


@pytest.mark.parametrize('shape', [(9, 14), (8, 8)])
def test_the_middle_is_the_centre_of_symmetry(shape):
    mask = gaussian_mask(shape, (shape[1] / 2, shape[0] / 2), 3)
    np.testing.assert_array_equal(mask, mask[::-1, ::-1])
    assert (np.diff(mask[shape[0] // 2 :], axis=0) < 0).all()


def test_tiny_and_huge_sigmas():
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        tiny = gaussian_mask((9, 7), (3.5, 4.5), 1e-300)
        huge = gaussian_mask((9, 7), (3.5, 4.5), 1e300)
    assert tiny[4, 3] == 1 and tiny.sum() == 1
    assert (huge == 1).all()


@pytest.mark.parametrize('sigma', [0, -1, float('nan'), (1, 0), (-1, 1)])
def test_sigma_must_be_positive(sigma):
    with pytest.raises(ValueError, match='sigma'):
        gaussian_mask((4, 4), (2, 2), sigma)


def test_parameters_are_uniform_over_their_ranges():
    rng = np.random.default_rng(3)
    ranges = SoftMask(centre_range=(0.3, 0.9), sigma_range=(0.1, 0.5))
    drawn = np.array(
        [sample_mask_parameters((50, 200), rng, ranges) for _ in range(3000)]
    )
    for values, (low, high) in zip(drawn.T, [(60, 180), (15, 45), (5, 25)]):
        uniform = stats.uniform(low, high - low)
        assert values.min() >= low and values.max() <= high
        assert stats.kstest(values, uniform.cdf).pvalue > 0.01
    assert abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.06


def test_the_default_shows_the_lesion_and_fades_at_the_contour():
    rng = np.random.default_rng(0)
    for _ in range(200):
        mu_x, mu_y, sigma = sample_mask_parameters((60, 45), rng)
        mask = gaussian_mask((60, 45), (mu_x, mu_y), sigma)
        assert mask[30, 22] > 0.65
        sides = [mask[0], mask[-1], mask[:, 0], mask[:, -1]]
        assert max(side.max() for side in sides) < 0.45


def test_same_seed_same_parameters():
    one, other = (
        sample_mask_parameters((9, 9), np.random.default_rng(5)) for _ in range(2)
    )
    assert one == other


@pytest.mark.parametrize(
    'ranges',
    [
        dict(centre_range=(0.6, 0.4)),
        dict(centre_range=(-0.1, 0.5)),
        dict(centre_range=(0.5, 1.1)),
        dict(sigma_range=(0.0, 0.3)),
        dict(sigma_range=(0.4, 0.3)),
        dict(sigma_range=(0.1, float('inf'))),
    ],
)
def test_bad_ranges_are_named(ranges):
    with pytest.raises(ValueError, match=next(iter(ranges))):
        SoftMask(**ranges)
