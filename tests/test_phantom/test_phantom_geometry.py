from dataclasses import replace

import numpy as np
import pytest

from mammo_plugins.phantom.config import PhantomConfig
from mammo_plugins.phantom.geometry import recompress, sample_geometry, sample_shape

CONFIG = PhantomConfig(size=(256, 128))


@pytest.fixture(params=['CC', 'MLO'])
def geometry(request):
    rng = np.random.default_rng(4)
    return sample_geometry(rng, CONFIG, sample_shape(rng, CONFIG), request.param)


def test_points_on_one_ray_fall_on_one_pixel(geometry):
    ray = np.array([0.0, -np.sin(geometry.angle), np.cos(geometry.angle)])
    points = np.array([30.0, 5.0, -8.0]) + np.linspace(-20, 20, 9)[:, None] * ray
    assert np.ptp(geometry.project(points), axis=0) == pytest.approx(0, abs=1e-9)


def test_nipple_is_the_outline_s_tip(geometry):
    mask = geometry.mask()
    x, y = geometry.nipple
    row = int(y)
    assert mask[row].sum() == pytest.approx(x, abs=2)
    near = mask[row - 8 : row + 9].sum(1)
    assert near.max() <= mask[row].sum() + 1


def test_depth_is_common_to_both_views():
    rng = np.random.default_rng(2)
    shape = sample_shape(rng, CONFIG)
    views = [sample_geometry(rng, CONFIG, shape, v) for v in ('CC', 'MLO')]
    points = rng.uniform((10, -30, -30), (60, 30, 30), (50, 3))
    depth = [v.project(points)[:, 0] / v.depth_scale * v.pixel_mm for v in views]
    np.testing.assert_allclose(depth[0], points[:, 0])
    np.testing.assert_allclose(depth[1], points[:, 0])


def test_views_are_45_to_60_degrees_apart():
    rng = np.random.default_rng(0)
    shape = sample_shape(rng, CONFIG)
    for _ in range(20):
        mlo = recompress(rng, CONFIG, sample_geometry(rng, CONFIG, shape, 'MLO'))
        assert 45 <= np.rad2deg(mlo.angle) <= 60 + 1e-9
        assert sample_geometry(rng, CONFIG, shape, 'CC').angle == 0


def test_recompressed_nipple_stays_on_the_outline(geometry):
    rng = np.random.default_rng(7)
    for _ in range(10):
        again = recompress(rng, CONFIG, geometry)
        x, y = again.nipple
        assert again.mask()[int(y)].sum() == pytest.approx(x, abs=2.5)


def test_thickness_rises_from_the_skin_to_the_paddle(geometry):
    distance = np.linspace(0, 60, 100)
    thickness = geometry.thickness(distance)
    assert thickness[0] == 0
    assert (np.diff(thickness) >= -1e-9).all()
    assert thickness[-1] == pytest.approx(geometry.thickness_mm)


def test_cc_muscle_is_absent_where_its_edge_is_outside(geometry):
    bare = replace(geometry, muscle_mm=np.full_like(geometry.muscle_mm, -9.0))
    assert not bare.muscle_fraction().any()
