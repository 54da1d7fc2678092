"""The pectoral edge, where it was drawn."""

import cv2
import numpy as np
import pytest

from mammo_plugins.anatomy import CanonicalFrame, pectoral_edge
from mammo_plugins.phantom import PhantomConfig, make_exam


def oblique(
    top=55,
    bottom=180,
    contrast=0.25,
    bend=0.0,
    height=300,
    width=150,
    noise=0.01,
    seed=0,
):
    """A breast with a muscle in its upper corner, and the muscle's true edge."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] + 0.5
    reach = (
        120
        - 110 * np.clip((y - 170) / 130, 0, 1) ** 2
        - 0.1 * np.clip(170 - y, 0, None)
    )
    tissue = 0.4 + 0.04 * cv2.GaussianBlur(
        rng.normal(0, 12, (height, width)), (0, 0), 6
    )
    edge = top * (1 - y / bottom) + bend * np.sin(np.pi * np.clip(y / bottom, 0, 1))
    muscle = 1 / (1 + np.exp((x - edge) / 1.5))
    image = (tissue + contrast * muscle) * np.clip((reach - x) / 8, 0, 1)
    image += rng.normal(0, noise, image.shape)
    rows = np.arange(0.5, bottom)
    return np.clip(image, 0, None).astype(np.float32), np.column_stack(
        [edge[: len(rows), 0], rows]
    )


def apart(found, truth):
    """Mean distance of points from a dense polyline."""
    return np.mean([np.hypot(*(truth - p).T).min() for p in found])


@pytest.mark.parametrize('top, bottom', [(55, 180), (80, 140), (40, 230)])
@pytest.mark.parametrize('contrast', [0.15, 0.4])
def test_straight_edge(top, bottom, contrast):
    image, truth = oblique(top, bottom, contrast)
    edge = pectoral_edge(image)
    assert edge.confidence > 0.5
    assert apart(edge.points, truth) < 3
    assert (np.diff(edge.points[:, 1]) > 0).all()


def test_it_follows_a_bent_edge():
    image, truth = oblique(bend=5)
    found = pectoral_edge(image).points
    line = np.array([truth[0], truth[-1]])
    straight = np.linspace(*line, len(truth))
    assert apart(found, truth) < 2 < apart(truth[40:-40], straight)


def test_size_and_grey_scale_do_not_matter():
    image, truth = oblique()
    for scale in (0.6, 3):
        larger = cv2.resize(image, None, fx=scale, fy=scale)
        edge = pectoral_edge(4095 * larger**0.7)
        assert apart(edge.points, truth * scale) < 3 * scale


def test_no_muscle_no_edge():
    for seed in range(4):
        assert pectoral_edge(oblique(contrast=0, seed=seed)[0]) is None
    assert pectoral_edge(np.zeros((100, 60), np.float32)) is None
    assert pectoral_edge(np.zeros((10, 6), np.float32)) is None


def test_distance_is_across_the_edge():
    image, _ = oblique(top=60, bottom=180)
    edge = pectoral_edge(image)
    # of the line x / 60 + y / 180 = 1
    points = np.array([[100.0, 200.0], [5.0, 5.0], [60.0, 60.0]])
    expected = (points @ [1 / 60, 1 / 180] - 1) / np.hypot(1 / 60, 1 / 180)
    assert edge.distance(points) == pytest.approx(expected, abs=3)


def test_phantoms_show_theirs_in_mlo_views():
    found = []
    for seed in range(4):
        views = make_exam(seed, PhantomConfig(size=(256, 128))).views
        for side in 'RL':
            view = views[side, 'MLO', 'FFDM']
            frame = CanonicalFrame.of(view.pixels, margin=4)
            found.append(pectoral_edge(frame.image_to_canonical(view.pixels)))
    assert np.mean([edge is not None for edge in found]) > 0.7
