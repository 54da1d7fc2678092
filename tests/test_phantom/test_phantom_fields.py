import numpy as np
import pytest
from spectrum import spectrum_slope

from mammo_plugins.phantom.fields import power_law_field


@pytest.mark.parametrize('exponent', [2., 3.])
def test_slope_of_a_2d_field(exponent):
    slopes = [
        spectrum_slope(
            power_law_field(np.random.default_rng(k), (128, 128), 0.5,
                            exponent), 0.5, 0.06, 0.8) for k in range(5)
    ]
    assert np.mean(slopes) == pytest.approx(-exponent, abs=0.15)


def test_projection_keeps_the_exponent():
    slopes = [
        spectrum_slope(
            power_law_field(np.random.default_rng(k), (96, 96, 96), 1.,
                            3.).sum(0), 1., 0.04, 0.4) for k in range(4)
    ]
    assert np.mean(slopes) == pytest.approx(-3, abs=0.25)


def test_field_is_standardised_and_keeps_to_its_band():
    field = power_law_field(
        np.random.default_rng(3), (64, 64), 1., 2., band=(0.1, 0.3))
    assert field.mean() == pytest.approx(0, abs=1e-5)
    assert field.std() == pytest.approx(1, abs=1e-4)
    power = np.abs(np.fft.fft2(field))**2
    f = np.fft.fftfreq(64)
    radius = np.hypot(f[:, None], f[None])
    outside = (radius < 0.099) | (radius > 0.301)
    assert power[outside].sum() < 1e-6 * power.sum()


def test_a_grid_too_coarse_for_the_band_gives_zero():
    field = power_law_field(
        np.random.default_rng(0), (16, 16), 2., 3., band=(0.5, np.inf))
    assert not field.any()


def test_stretch_makes_structures_longer():
    field = power_law_field(
        np.random.default_rng(1), (256, 256), 1., 3., stretch=(3, 1))
    roughness = [np.abs(np.diff(field, axis=k)).mean() for k in (0, 1)]
    assert roughness[0] < 0.6 * roughness[1]
