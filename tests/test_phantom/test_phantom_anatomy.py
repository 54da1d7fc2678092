import numpy as np
import pytest
from scipy import ndimage
from scipy.special import expit

from mammo_plugins.phantom.anatomy import (
    GlandVolume,
    blend,
    build_gland,
    shared_fields,
    splat,
)
from mammo_plugins.phantom.config import PhantomConfig
from mammo_plugins.phantom.geometry import sample_geometry, sample_shape

CONFIG = PhantomConfig(size=(128, 64))


def _smooth_volume(rng, voxel):
    noise = ndimage.gaussian_filter(rng.normal(size=(40, 32, 40)), 3)
    z, x, y = np.ogrid[-1:1:40j, -1:1:32j, -1:1:40j]
    inside = np.clip(1 - (x**2 + y**2 + z**2), 0, 1)
    return GlandVolume(((noise - noise.min()) * inside).astype(np.float32), voxel)


@pytest.mark.parametrize('view', ['CC', 'MLO'])
def test_projection_is_the_integral_along_the_rays(view):
    rng = np.random.default_rng(5)
    geometry = sample_geometry(rng, CONFIG, sample_shape(rng, CONFIG), view)
    volume = _smooth_volume(rng, 2.0)
    projected = volume.project(geometry)
    # pixels in the middle of the volume, each along its own ray
    step = 0.5
    along = np.arange(-90, 90, step)
    c, s = np.cos(geometry.angle), np.sin(geometry.angle)
    points = rng.uniform((14, -12, -12), (44, 12, 12), (30, 3))
    pixels = np.floor(geometry.project(points)).astype(int)
    for column, row in pixels:
        x = (column + 0.5) * geometry.pixel_mm / geometry.depth_scale
        height = geometry.nipple_row_mm - (row + 0.5) * geometry.pixel_mm
        u = (
            height - geometry.tilt * (geometry.breast_depth - x)
        ) / geometry.height_scale
        y, z = u * c - along * s, u * s + along * c
        index = [
            z / 2 + 19.5,
            np.full_like(y, x / 2 - 0.5),
            y / 2 + 19.5,
        ]
        expected = step * ndimage.map_coordinates(volume.share, index, order=1).sum()
        assert projected[row, column] == pytest.approx(expected, rel=0.03)


def test_local_share_is_the_mean_around_a_place():
    share = np.zeros((20, 20, 20), np.float32)
    share[:, 10:] = 1  # x beyond 20 mm
    volume = GlandVolume(share, 2.0)
    assert volume.local_share(np.array([32.0, 0, 0]), 5) == 1
    assert volume.local_share(np.array([8.0, 0, 0]), 5) == 0


def test_splat_keeps_weight_and_centre():
    rng = np.random.default_rng(0)
    points = rng.uniform(5, 25, (200, 2))
    weight = rng.uniform(0, 1, 200)
    image = splat(points, weight, (30, 40))
    assert image.sum() == pytest.approx(weight.sum(), rel=1e-5)
    rows, columns = np.mgrid[:30, :40] + 0.5
    centre = [(image * g).sum() / image.sum() for g in (columns, rows)]
    np.testing.assert_allclose(
        centre, np.average(points, axis=0, weights=weight), atol=1e-4
    )


def test_blend_has_the_stated_correlation():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 1, 100_000)).astype(np.float32)
    mixed = blend(a, b, 0.8)[0]
    assert np.corrcoef(a[0], mixed)[0, 1] == pytest.approx(0.8, abs=0.01)
    assert mixed.std() == pytest.approx(1, abs=0.01)


def test_gland_has_the_bytes_of_the_plain_formula():
    """Worked out everywhere at once; data sets made before must come out the same."""
    rng = np.random.default_rng(8)
    shape = sample_shape(rng, CONFIG)
    fields = shared_fields(rng, CONFIG, shape)
    gland = build_gland(fields, CONFIG, shape, 0.4, 0.3)
    voxel = gland.voxel_mm
    z, x, y = (
        ((np.arange(n) - middle) * voxel)
        .astype(np.float32)
        .reshape([-1 if k == axis else 1 for k in range(3)])
        for axis, (n, middle) in enumerate(
            (n, -0.5 if axis == 1 else 0.5 * (n - 1))
            for axis, n in enumerate(fields[0].shape)
        )
    )
    envelope = np.maximum(shape.gland_envelope(x), 1).astype(np.float32)
    radial = (y**2 + z**2) / envelope**2
    score = fields[0] + (
        1.6 * (1 - radial)
        - 1.6 * np.exp(-x / 13)
        + (0.3 / shape.gland_radius) * (y + z)
    )
    limit = np.quantile(score[::3, ::3, ::3][radial[::3, ::3, ::3] < 1], 0.6)
    septa = np.exp(-((fields[1] / np.float32(0.16)) ** 2))
    fade = np.clip((1.15 + 0.3 * fields[0] - radial) * 4, 0, 1)
    fade *= np.clip((1.28 - radial) * 6, 0, 1)
    plain = expit((score - limit) * np.float32(8))
    plain *= 0.45 + 0.55 * expit(1.5 * fields[0])
    plain = plain * (0.8 + 0.2 * septa) + 0.28 * septa * (1 - plain)
    plain = (plain * fade).astype(np.float32)
    assert gland.share.tobytes() == plain.tobytes()
    assert 0.1 < (plain > 0).mean() < 0.9
