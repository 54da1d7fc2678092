"""Poisson image editing against the equation it solves."""
import numpy as np
import pytest
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve

from mammo_plugins.synthesis import poisson_blend

SIZE = (40, 36)


def case(seed=0, at=(8, 6)):
    """Smooth tissue, a bright bump on another grey, and the patch's region."""
    y, x = np.mgrid[:SIZE[0], :SIZE[1]]
    image = 0.4 + 0.004 * x + 0.03 * np.sin(y / 5 + seed)
    region = np.zeros(SIZE, bool)
    top, left = at
    region[top:top + 18, left:left + 20] = True
    bump = 0.3 * np.exp(-((y - top - 9)**2 + (x - left - 10)**2) / 18)
    return image, np.where(region, 0.2 + bump, image), region


def solved(image, pasted, region):
    """The discrete Poisson equation with mixed gradients, solved by SciPy."""
    index = -np.ones(SIZE, int)
    index[region] = np.arange(region.sum())
    matrix = lil_matrix((region.sum(), region.sum()))
    right = np.zeros(region.sum())
    for y, x in np.argwhere(region):
        k = index[y, x]
        matrix[k, k] = 4
        for j, i in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            tissue = image[y, x] - image[j, i]
            patch = pasted[y, x] - pasted[j, i] if region[j, i] else 0.
            right[k] += tissue if abs(tissue) > abs(patch) else patch
            if region[j, i]:
                matrix[k, index[j, i]] = -1
            else:
                right[k] += image[j, i]
    made = image.copy()
    made[region] = spsolve(matrix.tocsr(), right)
    return made


@pytest.mark.parametrize('seed', range(3))
def test_as_the_equation_says(seed):
    image, pasted, region = case(seed)
    made, expected = poisson_blend(image, pasted, region), solved(image, pasted, region)
    inside = region.copy()
    inside[1:-1, 1:-1] &= (region[:-2, 1:-1] & region[2:, 1:-1] & region[1:-1, :-2]
                           & region[1:-1, 2:])
    change, wanted = (made - image)[inside], (expected - image)[inside]
    # OpenCV shrinks the region by some pixels, which flattens the bump
    assert np.corrcoef(change, wanted)[0, 1] > 0.97
    assert change.max() == pytest.approx(wanted.max(), rel=0.25)


def test_the_rest_keeps_its_bits():
    image, pasted, region = case()
    made = poisson_blend(image, pasted, region)
    np.testing.assert_array_equal(made[~region], image[~region].astype(np.float32))
    assert made.dtype == np.float32 and len(np.unique(made[region])) > 256


def test_there_is_no_seam():
    image, pasted, region = case()
    made = poisson_blend(image, pasted, region)
    left = np.argwhere(region).min(axis=0)
    row, column = left[0] + 9, left[1]

    def step(pixels):
        return abs(pixels[row, column] - pixels[row, column - 1])

    assert step(pasted) > 0.1 and step(made) < 0.03


@pytest.mark.parametrize('at', [(0, 0), (22, 16)])
def test_at_the_border(at):
    image, pasted, region = case(at=at)
    made = poisson_blend(image, pasted, region)
    assert (made - image)[region].max() > 0.15


def test_mistakes():
    image, pasted, region = case()
    with pytest.raises(ValueError, match='not empty'):
        poisson_blend(image, pasted, np.zeros_like(region))
    with pytest.raises(ValueError, match='one shape'):
        poisson_blend(image, pasted[1:], region)
