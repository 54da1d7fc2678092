"""Fourier adaptation against the transform's definition."""

import cmath
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import fft

from mammo_plugins.synthesis import fourier_adapt

PIXELS = st.floats(0, 1, width=16)
PAIRS = st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.float32, shape, elements=PIXELS),
        hnp.arrays(np.float32, shape, elements=PIXELS),
    )
)
BETAS = st.floats(0.001, 1)


def patches(shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((2, *shape), dtype=np.float32)


def frequencies(size):
    """Return |frequency| of each coefficient of a transform of that size."""
    return np.array([min(k, size - k) for k in range(size)])


def window(shape, beta):
    """Return eq. 7's mask in the order of the transform."""
    rows, columns = (frequencies(size) <= math.floor(beta * size) for size in shape)
    return rows[:, None] & columns


def by_definition(source, target, beta):
    """Return eqs. 6 to 8 as sums over pixels, complex."""
    height, width = source.shape

    def transform(image, sign):
        return np.array(
            [
                [
                    sum(
                        image[h, w]
                        * cmath.exp(
                            sign * 2j * cmath.pi * (h * m / height + w * n / width)
                        )
                        for h in range(height)
                        for w in range(width)
                    )
                    for n in range(width)
                ]
                for m in range(height)
            ]
        )

    one, other = transform(source, -1), transform(target, -1)
    amplitude = np.where(window(source.shape, beta), abs(other), abs(one))
    phase = np.array([[cmath.phase(value) for value in row] for row in one])
    return transform(amplitude * np.exp(1j * phase), +1) / (height * width)


@pytest.mark.parametrize(
    'shape', [(1, 1), (1, 6), (5, 1), (2, 2), (2, 3), (5, 5), (6, 6), (7, 4), (4, 9)]
)
@pytest.mark.parametrize('beta', [0.01, 0.2, 0.34, 0.5, 1.0])
def test_equals_the_sums_of_the_paper(shape, beta):
    source, target = patches(shape)
    expected = by_definition(source.astype(float), target.astype(float), beta)
    assert abs(expected.imag).max() < 1e-12  # the window is symmetric
    result = fourier_adapt(source, target, beta)
    assert result.dtype == np.float32 and result.shape == shape
    np.testing.assert_allclose(result, expected.real, atol=1e-6)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(PAIRS, BETAS)
def test_phase_is_kept_and_amplitude_exchanged_in_the_window_alone(pair, beta):
    source, target = pair
    before, style = (fft.fft2(image.astype(float)) for image in pair)
    after = fft.fft2(fourier_adapt(source, target, beta).astype(float))
    tolerance = 1e-5 * source.size
    inside = window(source.shape, beta)
    np.testing.assert_allclose(after[~inside], before[~inside], atol=tolerance)
    content = inside & (abs(before) > tolerance)
    np.testing.assert_allclose(abs(after[content]), abs(style[content]), atol=tolerance)
    strong = content & (abs(style) > tolerance)
    turned = after[strong] / before[strong]  # positive where phases are equal
    np.testing.assert_allclose(
        turned * abs(before[strong]), abs(style[strong]), atol=3 * tolerance
    )


@settings(deadline=None, derandomize=True, max_examples=40)
@given(PAIRS, BETAS)
def test_the_mean_becomes_the_targets(pair, beta):
    source, target = pair
    result = fourier_adapt(source, target, beta)
    assert result.mean(dtype=float) == pytest.approx(target.mean(dtype=float), abs=1e-6)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(PAIRS, BETAS)
def test_a_patch_in_its_own_style_is_itself(pair, beta):
    source, _ = pair
    np.testing.assert_allclose(fourier_adapt(source, source, beta), source, atol=1e-6)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(PAIRS)
def test_beta_zero_is_the_source(pair):
    source, target = pair
    result = fourier_adapt(source, target, 0)
    np.testing.assert_array_equal(result, source)
    assert result is not source and not np.shares_memory(result, source)


def test_a_small_beta_moves_the_mean_alone():
    source, target = patches((12, 20))
    expected = source + target.mean() - source.mean()
    np.testing.assert_allclose(
        fourier_adapt(source, target, 0.049), expected, atol=1e-6
    )
    # 0.05 * 20 = 1: one more frequency, along the width only
    assert abs(fourier_adapt(source, target, 0.05) - expected).max() > 1e-3


@pytest.mark.parametrize('shape', [(8, 8), (7, 9), (3, 1)])
def test_from_one_half_on_all_amplitudes_are_the_targets(shape):
    source, target = patches(shape)
    expected = abs(fft.fft2(target.astype(float)))
    for beta in (0.5, 0.8, 1):
        result = fourier_adapt(source, target, beta)
        np.testing.assert_allclose(
            abs(fft.fft2(result.astype(float))), expected, atol=1e-5
        )


@pytest.mark.parametrize('value', [0.0, 0.1, 0.7])
@pytest.mark.parametrize('shape', [(31, 17), (16, 16), (1, 1), (2, 3)])
def test_a_constant_source_takes_the_mean_and_no_noise(value, shape):
    source = np.full(shape, value, np.float32)
    target = patches(shape)[1]
    np.testing.assert_allclose(
        fourier_adapt(source, target, 0.3), target.mean(), atol=1e-6
    )


def test_a_constant_target_takes_the_low_frequencies_away():
    source = patches((16, 16))[0]
    result = fourier_adapt(source, np.full_like(source, 0.4), 0.2)
    coefficients = fft.fft2(result.astype(float))
    low = window((16, 16), 0.2)
    assert coefficients[0, 0].real == pytest.approx(0.4 * 256, rel=1e-5)
    low[0, 0] = False
    assert abs(coefficients[low]).max() < 1e-4


def test_nothing_is_clipped():
    source = np.zeros((8, 8), np.float32)
    source[3, 3] = 1
    result = fourier_adapt(source, np.ones_like(source), 0.01)
    assert result.max() == pytest.approx(1 + 63 / 64, abs=1e-5)


def test_bad_arguments_are_named():
    source, target = patches((4, 4))
    with pytest.raises(ValueError, match='one size'):
        fourier_adapt(source, target[:3], 0.1)
    with pytest.raises(ValueError, match='one size'):
        fourier_adapt(source[0], target[0], 0.1)
    for beta in (-0.1, 1.1, float('nan')):
        with pytest.raises(ValueError, match='beta'):
            fourier_adapt(source, target, beta)
