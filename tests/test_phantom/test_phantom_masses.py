import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mammo_plugins.phantom.config import PhantomConfig
from mammo_plugins.phantom.geometry import sample_geometry, sample_shape
from mammo_plugins.phantom.masses import (
    MASK_THRESHOLD,
    Mass,
    irregular_mass,
    lobulated_mass,
    mask_box,
    mass_mask,
    spiculated_mass,
)

CONFIG = PhantomConfig(size=(256, 128))
CENTRE = np.array([40.0, 5.0, -3.0])


@pytest.fixture(params=['CC', 'MLO'])
def geometry(request):
    rng = np.random.default_rng(4)
    return sample_geometry(rng, CONFIG, sample_shape(rng, CONFIG), request.param)


def _make(kind, seed=0, diameter=16.0):
    rng = np.random.default_rng(seed)
    if kind == 'lobulated':
        return lobulated_mass(rng, CENTRE, diameter, CONFIG.pixel_mm)
    if kind == 'irregular':
        return irregular_mass(rng, CENTRE, diameter, CONFIG.pixel_mm, 0.1, 0.06)
    return spiculated_mass(rng, CENTRE, diameter, CONFIG.pixel_mm, 0.8)


def test_path_through_a_ball_is_its_chord(geometry):
    rng = np.random.default_rng(0)
    radius, n = 12.0, 400_000
    direction = rng.normal(size=(n, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    points = CENTRE + direction * radius * rng.uniform(0, 1, (n, 1)) ** (1 / 3)
    ball = Mass(points, np.full(n, 4 / 3 * np.pi * radius**3 / n))
    path = ball.project(geometry)
    # where the ray passes at a distance a from the centre
    scale = geometry.depth_scale * geometry.height_scale
    column, row = geometry.project(CENTRE)
    peak = path[int(row) - 1 : int(row) + 2, int(column) - 1 : int(column) + 2]
    assert peak.mean() * scale == pytest.approx(2 * radius, rel=0.03)
    offset = 0.8 * radius * geometry.depth_scale / geometry.pixel_mm
    around = path[int(row) - 1 : int(row) + 2, int(column + offset)].mean()
    assert around * scale == pytest.approx(2 * np.sqrt(1 - 0.64) * radius, rel=0.15)


@pytest.mark.parametrize('kind', ['lobulated', 'irregular', 'spiculated'])
def test_box_is_the_box_of_the_lesion_s_own_points(kind, geometry):
    mass = _make(kind)
    box = mask_box(mass_mask(mass.project(geometry)))
    # a histogram of the points is a projection that shares no code
    pixels = geometry.project(mass.points)
    path, _, _ = np.histogram2d(
        pixels[:, 1],
        pixels[:, 0],
        bins=[np.arange(n + 1) for n in geometry.size],
        weights=mass.volume,
    )
    rows, columns = np.nonzero(path > MASK_THRESHOLD * path.max())
    own = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    np.testing.assert_allclose(box, own, atol=2)


@pytest.mark.parametrize('diameter', [6.0, 14.0, 24.0])
def test_diameter_is_the_lobulated_mass_s_largest(diameter):
    reach = np.linalg.norm(_make('lobulated', 3, diameter).points - CENTRE, axis=1)
    assert reach.max() <= 0.5 * diameter + 1.2
    assert reach.max() >= 0.42 * diameter


def test_spicules_reach_beyond_the_core():
    reach = np.linalg.norm(_make('spiculated').points - CENTRE, axis=1)
    assert reach.max() > 1.4 * 8


def test_mask_and_box_of_a_known_path():
    path = np.zeros((10, 12), np.float32)
    path[3:6, 4:9] = 1
    path[2, 4] = 0.5 * MASK_THRESHOLD
    mask = mass_mask(path)
    assert mask.sum() == 15
    assert mask_box(mask) == (4, 3, 9, 6)
    assert not mass_mask(np.zeros((4, 4), np.float32)).any()


def test_sampling_takes_one_thread_whatever_the_environment():
    """Other threads' time is the process's, but not this thread's."""
    program = """
import time
import numpy as np
from mammo_plugins.phantom.masses import spiculated_mass
rng = np.random.default_rng(0)
process, thread = time.process_time(), time.thread_time()
for _ in range(4):
    spiculated_mass(rng, np.zeros(3), 22., 0.8, 0.8)
print((time.process_time() - process) / (time.thread_time() - thread))"""
    done = subprocess.run(
        [sys.executable, '-c', program],
        capture_output=True,
        text=True,
        check=True,
        env=dict(
            os.environ,
            OMP_NUM_THREADS='4',
            OPENBLAS_NUM_THREADS='4',
            PYTHONPATH=str(Path(__file__).parents[2]),
        ),
    )
    assert float(done.stdout) < 1.05
