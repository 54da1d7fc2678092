import numpy as np
import pytest

from mammo_plugins.phantom.physics import (
    FAT,
    GLAND,
    Presentation,
    line_integral,
    mean_photons,
    quantum_noise,
)


def test_beer_lambert_of_a_homogeneous_slab():
    slab = np.full((4, 5), 40.0, np.float32)
    photons = mean_photons(line_integral([FAT], [slab]), 1e5)
    assert photons == pytest.approx(1e5 * np.exp(-0.46 * 4.0), rel=1e-5)


def test_layers_multiply_their_transmissions():
    fat, gland = np.float32([[20.0]]), np.float32([[15.0]])
    both = mean_photons(line_integral((FAT, GLAND), (fat, gland)), 1.0)
    alone = [
        mean_photons(line_integral([mu], [path]), 1.0)
        for mu, path in ((FAT, fat), (GLAND, gland))
    ]
    np.testing.assert_allclose(both, alone[0] * alone[1], rtol=1e-6)


@pytest.mark.parametrize('mean', [300.0, 5000.0])
def test_noise_has_the_moments_of_poisson(mean):
    rng = np.random.default_rng(0)
    n = 200_000
    draw = rng.standard_normal(n).astype(np.float32)
    counts = quantum_noise(np.full(n, mean, np.float32), draw)
    poisson = rng.poisson(mean, n)
    # five standard errors of a mean and of a variance
    assert counts.mean() == pytest.approx(poisson.mean(), abs=5 * np.sqrt(2 * mean / n))
    assert counts.var(dtype=float) == pytest.approx(
        poisson.var(), rel=5 * np.sqrt(4 / n)
    )


def test_presentation_is_12_bits_monotone_and_black_in_air():
    counts = np.geomspace(1e5, 500, 400, dtype=np.float32)[None]
    thickness = np.zeros_like(counts)
    grey = Presentation(0.2, 3.0)(counts, 1e5, thickness)
    assert grey.dtype == np.uint16 and grey[0, 0] == 0
    assert (np.diff(grey[0].astype(int)) >= 0).all()
    assert 3000 < grey.max() <= 4095


def test_equalisation_takes_off_fat_thickness():
    thickness = np.float32([[10.0, 30.0, 60.0]])
    counts = mean_photons(line_integral([FAT], [thickness]), 1e5)
    process = Presentation(0, 1, equalise=1.0)
    np.testing.assert_allclose(process.equalised(counts, 1e5, thickness), 0, atol=1e-5)
