"""Otsu's threshold against scikit-image's and against all thresholds one by one."""

import numpy as np
import pytest
from skimage.filters import threshold_otsu

from mammo_plugins.anatomy.otsu import otsu_threshold

RNG = np.random.default_rng(0)
MADE = {
    'even': RNG.random(4271),
    'two kinds': np.concatenate([RNG.normal(0, 1, 3000), RNG.normal(6, 2, 900)]),
    'few levels': RNG.integers(0, 7, 500) / 3,
    'two values': np.array([0.25, 0.75, 0.75]),
    'clipped': np.clip(RNG.normal(0, 1, 5000), 0, 1),
    'image': np.sqrt(RNG.exponential(1, (60, 40))),
}


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
@pytest.mark.parametrize('kind', list(MADE))
def test_it_is_scikit_images(kind, dtype):
    values = MADE[kind].astype(dtype)
    found, expected = otsu_threshold(values), threshold_otsu(values)
    assert found == expected and found.dtype == expected.dtype


def test_so_it_is_where_rounding_decides():
    """Of even grey values many thresholds part nearly alike."""
    for _ in range(300):
        values = RNG.random(int(RNG.integers(2, 9000)), np.float32)
        assert otsu_threshold(values) == threshold_otsu(values)


@pytest.mark.parametrize('kind', ['two kinds', 'two values', 'image'])
def test_no_other_threshold_parts_better(kind):
    values = MADE[kind].ravel()
    edges = np.linspace(values.min(), values.max(), 257)

    def between(threshold):
        low, high = values[values <= threshold], values[values > threshold]
        return len(low) * len(high) * (low.mean() - high.mean()) ** 2

    bin_width = edges[1] - edges[0]
    best = max(between(edge) for edge in edges[1:-1])
    found = between(otsu_threshold(values) + bin_width / 2)
    assert found == pytest.approx(best, rel=1e-3)


def test_of_one_value_it_is_that():
    assert otsu_threshold(np.full((3, 4), 0.3, np.float32)) == np.float32(0.3)
