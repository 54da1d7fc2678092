"""X-ray projections against the law of Beer and Lambert."""

import numpy as np
import pytest
from meta_image_making import write_mhd

from mammo_plugins.io import read_mammogram
from mammo_plugins.io.errors import Defect
from mammo_plugins.io.projection import ATTENUATION_RANGE, projection_levels

SHAPE = 300, 600  # rows from the chest wall, columns along it, as VICTRE writes


def attenuation(shape=SHAPE, thickest=4.0, lump=0.3):
    """Return what is in the beam's way: a half-ellipsoid on row 0, and a lump."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    radius = (y / (0.7 * shape[0])) ** 2 + ((x - shape[1] / 2) / (0.35 * shape[1])) ** 2
    breast = thickest * np.sqrt(np.clip(1 - radius, 0, None))
    inside = ((y - 0.3 * shape[0]) ** 2 + (x - 0.55 * shape[1]) ** 2) < 15**2
    return breast + np.where(inside, lump, 0)


def shown(truth):
    return np.clip(truth / ATTENUATION_RANGE, 0, 1)


@pytest.mark.parametrize('air', [1.0, 10.0, 5e4, 3e-3])
@pytest.mark.parametrize('sign', [1, -1])
def test_signals_and_quotients_show_attenuation(air, sign):
    truth = attenuation()
    values = (air * np.exp(sign * truth)).astype(np.float32)
    np.testing.assert_allclose(projection_levels(values), shown(truth), atol=1e-4)


@pytest.mark.parametrize('turns', range(4))
def test_the_chest_wall_may_be_on_any_side(turns):
    truth = np.rot90(attenuation(), turns)
    for sign in (1, -1):
        np.testing.assert_allclose(
            projection_levels(20 * np.exp(sign * truth)), shown(truth), atol=1e-4
        )


def test_equal_breasts_stay_equal_whatever_is_beside_them():
    """The scale is fixed: it is not that of the values an image happens to hold."""
    plain, dense = attenuation(), attenuation()
    dense[5:20, 200:400] += 1.5
    plain, dense = (projection_levels(7 * np.exp(t)) for t in (plain, dense))
    np.testing.assert_allclose(plain[30:], dense[30:], atol=1e-6)
    assert dense.max() > plain.max() + 0.2


def test_noise_of_quanta():
    """Poisson counts: the levels have no bias beyond that of a logarithm."""
    rng, truth = np.random.default_rng(0), attenuation()
    counts = rng.poisson(2e4 * np.exp(-truth)).astype(np.float32)
    levels = projection_levels(counts)
    error = levels - shown(truth)
    assert abs(error[truth > 1].mean()) < 1e-3 and error.std() < 0.02


def test_outside_the_beam_is_dark():
    """There is electronic noise of either sign there, whose quotient is anything."""
    rng, truth = np.random.default_rng(0), attenuation()
    for sign in (1, -1):
        values = 10 * np.exp(sign * truth)
        outside = np.ones(SHAPE, bool)
        outside[:250, 60:540] = False
        noise = rng.normal(size=(2, *SHAPE))
        values[outside] = (noise[0] / noise[1] if sign == 1 else noise[0])[outside]
        values[280:, :50] = np.inf
        values[280:, 550:] = np.nan
        levels = projection_levels(values.astype(np.float32))
        deep = np.ones(SHAPE, bool)
        deep[:265, 45:555] = False
        assert not levels[deep].any()
        inner = np.s_[:235, 75:525]
        np.testing.assert_allclose(levels[inner], shown(truth)[inner], atol=1e-4)


def test_single_dead_pixels_cost_no_more_than_themselves():
    truth = attenuation()
    values = (10 * np.exp(truth)).astype(np.float32)
    values[100, 300], values[120, 310], values[140, 320] = 0, np.inf, np.nan
    levels = projection_levels(values)
    wrong = np.abs(levels - shown(truth)) > 1e-4
    assert list(map(tuple, np.argwhere(wrong))) == [(100, 300), (120, 310), (140, 320)]
    assert not levels[wrong].any()


@pytest.mark.parametrize(
    'values',
    [
        np.full(SHAPE, -3.0),
        np.random.default_rng(0).normal(size=SHAPE) * 100,
        np.full(SHAPE, np.nan),
    ],
)
def test_what_is_no_projection_is_refused(values):
    with pytest.raises(Defect, match='not an X-ray projection'):
        projection_levels(values)


@pytest.mark.parametrize('sign', [1, -1])
def test_a_file_is_read_bright_in_tissue(tmp_path, sign):
    truth = attenuation()
    path = write_mhd(
        tmp_path / 'projection_DM1.mhd',
        (50 * np.exp(sign * truth)).astype('<f4'),
        planes=2,
    )
    found = read_mammogram(path)
    np.testing.assert_allclose(found.pixels, shown(truth), atol=1e-4)
    assert found.header['modality_lut'] == 'logarithm'
    assert {warning.kind for warning in found.warnings} == {
        'floats without a range',
        'several planes of pixels',
    }
    assert found.pixels[50, 300] > 0.4 and found.pixels[-1, 0] == 0
