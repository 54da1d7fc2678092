"""Borders and strips of light, on films drawn with known ones."""

import numpy as np
import pytest

from mammo_plugins.anatomy.film_border import film_border, leaked_light, strip_rows


def film(height=200, width=120, radius=70):
    """A half disc on the left that fades towards its skin, on a dark film."""
    y, x = np.mgrid[:height, :width] + 0.5
    depth = radius - np.hypot(x, y - height / 2)
    return (0.6 * np.clip(depth / 12, 0, 1)).astype(np.float32)


@pytest.mark.parametrize('edge', range(4))
@pytest.mark.parametrize('thickness', [3, 8])
@pytest.mark.parametrize('level', [0.3, 1.0])
def test_a_border_on_one_edge(edge, thickness, level):
    image = film()
    truth = np.zeros(image.shape, bool)
    np.rot90(truth, edge)[:thickness] = True
    image[truth] = level
    found = film_border(image)
    if edge == 1 or level == 1:  # beside the breast only what is white is told
        assert not (truth & ~found).any()
    # a pixel more on the inner side, no more
    assert found.sum() <= truth.sum() * (thickness + 1) / thickness + 2


def test_a_frame_around_the_film():
    image = film()
    truth = np.ones(image.shape, bool)
    truth[6:-6, 6:-6] = False
    image[truth] = 1
    found = film_border(image)
    assert not (truth & ~found).any()
    assert not found[8:-8, 8:-8].any()


def test_a_border_behind_the_breast_is_as_deep_as_beside_it():
    image = film()
    image[:, :5] = 0.5  # not brighter than the breast
    found = film_border(image)
    assert found[:, :5].all() and not found[:, 7:].any()


@pytest.mark.parametrize('turns', range(4))
def test_no_border_no_finding(turns):
    assert not film_border(np.rot90(film(), turns)).any()


def test_muscle_that_fills_the_corner_is_no_border():
    image = film(radius=90)
    y, x = np.mgrid[:200, :120]
    image[(x < 40 * (1 - y / 100)) & (image > 0)] = 1
    image[y + 0 * x < 10] = np.where(x < 40, 1, 0)[y + 0 * x < 10]
    assert not film_border(image)[12:].any()
    assert not film_border(image)[:, 42:].any()


def test_strips_above_and_below_the_breast():
    mask = film() > 0
    mask[:, :6] = True
    rows = np.flatnonzero(strip_rows(mask))
    breast = np.flatnonzero((film() > 0).any(axis=1))
    expected = np.setdiff1d(np.arange(200), breast)
    # a breast begins as shallow as the strip is
    assert set(expected) <= set(rows)
    assert len(rows) - len(expected) < 6


def test_a_breast_has_no_strips():
    assert not strip_rows(film() > 0).any()
    assert not strip_rows(film(radius=110) > 0).any()
    assert not strip_rows(np.zeros((50, 40), bool)).any()


def test_leaked_light_is_what_rows_without_breast_show():
    profile = 0.2 * np.exp(-np.arange(120) / 5)
    share = np.linspace(0.5, 1, 200)[:, None]
    light = share * profile
    breast = film() > 0
    found = leaked_light(light + film(), breast)
    assert np.abs(found - light).max() < 0.01
    full = np.ones(breast.shape, bool)
    assert not leaked_light(light, full).any()
