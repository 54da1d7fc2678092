import numpy as np
import pytest
from scipy import fft
from spectrum import spectrum_slope

from mammo_plugins.phantom.fields import power_law_field


@pytest.mark.parametrize('exponent', [2.0, 3.0])
def test_slope_of_a_2d_field(exponent):
    slopes = [
        spectrum_slope(
            power_law_field(np.random.default_rng(k), (128, 128), 0.5, exponent),
            0.5,
            0.06,
            0.8,
        )
        for k in range(5)
    ]
    assert np.mean(slopes) == pytest.approx(-exponent, abs=0.15)


def test_projection_keeps_the_exponent():
    slopes = [
        spectrum_slope(
            power_law_field(np.random.default_rng(k), (96, 96, 96), 1.0, 3.0).sum(0),
            1.0,
            0.04,
            0.4,
        )
        for k in range(4)
    ]
    assert np.mean(slopes) == pytest.approx(-3, abs=0.25)


def test_field_is_standardised_and_keeps_to_its_band():
    field = power_law_field(
        np.random.default_rng(3), (64, 64), 1.0, 2.0, band=(0.1, 0.3)
    )
    assert field.mean() == pytest.approx(0, abs=1e-5)
    assert field.std() == pytest.approx(1, abs=1e-4)
    power = np.abs(np.fft.fft2(field)) ** 2
    f = np.fft.fftfreq(64)
    radius = np.hypot(f[:, None], f[None])
    outside = (radius < 0.099) | (radius > 0.301)
    assert power[outside].sum() < 1e-6 * power.sum()


def test_a_grid_too_coarse_for_the_band_gives_zero():
    field = power_law_field(
        np.random.default_rng(0), (16, 16), 2.0, 3.0, band=(0.5, np.inf)
    )
    assert not field.any()


def test_stretch_makes_structures_longer():
    field = power_law_field(
        np.random.default_rng(1), (256, 256), 1.0, 3.0, stretch=(3, 1)
    )
    roughness = [np.abs(np.diff(field, axis=k)).mean() for k in (0, 1)]
    assert roughness[0] < 0.6 * roughness[1]


@pytest.mark.parametrize(
    'shape, stretch', [((24, 16, 24), (1, 1.5, 1)), ((21, 15), None)]
)
def test_the_bytes_are_those_of_the_plain_formula(shape, stretch):
    """Data sets that were made before must come out the same."""
    field = power_law_field(
        np.random.default_rng(2), shape, 1.5, 3.0, (0.03, np.inf), stretch
    )
    square = np.float32(0)
    for axis, n in enumerate(shape):
        f = (
            np.fft.rfftfreq(n, 1.5)
            if axis == len(shape) - 1
            else np.fft.fftfreq(n, 1.5)
        )
        f = f.reshape([-1 if k == axis else 1 for k in range(len(shape))])
        square = square + np.float32(((stretch or (1, 1))[axis] * f) ** 2)
    norm = np.sqrt(square)
    gain = np.maximum(norm, np.float32(1 / (max(shape) * 1.5))) ** np.float32(-1.5)
    gain[norm < 0.03] = 0
    gain.flat[0] = 0
    noise = np.random.default_rng(2).standard_normal((2, *norm.shape), np.float32)
    plain = fft.irfftn((noise[0] + 1j * noise[1]) * gain, s=shape)
    plain = (plain - plain.mean()) / plain.std()
    assert field.dtype == plain.dtype == np.float32
    assert field.tobytes() == plain.tobytes()
