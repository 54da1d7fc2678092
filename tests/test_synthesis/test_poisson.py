"""Poisson image editing against the equation it solves."""

import numpy as np
import pytest
import torch
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve

from mammo_plugins.models.losses import SeamlessBlendingLoss
from mammo_plugins.synthesis import mixed_gradient_blend, poisson_blend

SIZE = (40, 36)


def case(seed=0, at=(8, 6)):
    """Smooth tissue, a bright bump on another grey, and the patch's region."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    image = 0.4 + 0.004 * x + 0.03 * np.sin(y / 5 + seed)
    region = np.zeros(SIZE, bool)
    top, left = at
    region[top : top + 18, left : left + 20] = True
    bump = 0.3 * np.exp(-((y - top - 9) ** 2 + (x - left - 10) ** 2) / 18)
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
            patch = pasted[y, x] - pasted[j, i] if region[j, i] else 0.0
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
    inside[1:-1, 1:-1] &= (
        region[:-2, 1:-1] & region[2:, 1:-1] & region[1:-1, :-2] & region[1:-1, 2:]
    )
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


def loss_of(made, image, pasted, region):
    """L_S of the paper, as the generator is trained by it, and its gradient."""
    tensors = [
        torch.tensor(part, dtype=torch.double)[None, None]
        for part in (made, image, pasted, region)
    ]
    made = tensors[0].requires_grad_()
    loss = SeamlessBlendingLoss()(made, *tensors[1:])
    loss.backward()
    return loss.item(), made.grad[0, 0].numpy()


CASES = [(0, (8, 6)), (1, (8, 6)), (2, (0, 0)), (3, (22, 16)), (4, (22, 0))]


@pytest.mark.parametrize('seed, at', CASES)
@pytest.mark.parametrize('noise', [0.0, 0.02])
def test_nothing_has_a_smaller_loss(seed, at, noise):
    """The exact solution is where the loss that networks learn from has no slope."""
    rng = np.random.default_rng(seed)
    image, pasted, region = case(seed, at)
    region &= rng.random(SIZE) < 0.97  # with holes
    image = np.clip(image + rng.normal(0, noise, SIZE), 0.05, 0.9)
    pasted = np.where(region, pasted, image)
    made = mixed_gradient_blend(image, pasted, region)
    np.testing.assert_array_equal(made[~region], image[~region].astype(np.float32))
    loss, slope = loss_of(made.astype(float), image, pasted, region)
    assert abs(slope[region]).max() < 1e-5
    for other in (
        image,
        pasted,
        poisson_blend(image, pasted, region),
        made + 1e-3 * rng.normal(size=SIZE) * region,
    ):
        assert loss_of(other.astype(float), image, pasted, region)[0] > loss


def test_against_the_normal_equations():
    """Dense, difference by difference."""
    image, pasted, region = case(5)
    image = image + np.random.default_rng(5).normal(0, 0.02, SIZE)
    pasted = np.where(region, pasted, image)
    number = {tuple(place): k for k, place in enumerate(np.argwhere(region))}
    matrix, right = [], []
    for y in range(SIZE[0]):
        for x in range(SIZE[1]):
            ends = [(y, x + 1), (y + 1, x)]
            ends = [
                end if end[0] < SIZE[0] and end[1] < SIZE[1] else None for end in ends
            ]
            tissue = [image[end] - image[y, x] if end else 0.0 for end in ends]
            patch = [
                pasted[end] - pasted[y, x]
                if end and region[y, x] and region[end]
                else 0.0
                for end in ends
            ]
            for k, end in enumerate(ends):
                if end is None or not (region[y, x] or region[end]):
                    continue
                both = region[y, x] and region[end]
                value = (
                    tissue[k]
                    if not both or np.hypot(*tissue) > np.hypot(*patch)
                    else patch[k]
                )
                row = np.zeros(len(number))
                for place, sign in ((end, 1), ((y, x), -1)):
                    if place in number:
                        row[number[place]] = sign
                    else:
                        value -= sign * image[place]
                matrix.append(row)
                right.append(value)
    expected = np.linalg.lstsq(np.array(matrix), np.array(right), rcond=None)[0]
    made = mixed_gradient_blend(image, pasted, region)
    np.testing.assert_allclose(made[region], expected, atol=1e-6)


def test_a_lesion_keeps_its_contrast_in_flat_tissue():
    """Its gradients are all stronger; OpenCV's flattens it."""
    image, pasted, region = case()
    image[:] = 0.4
    pasted = np.where(region, pasted, image)
    within = pasted[region]
    exact, cloned = (
        blend(image, pasted, region)[region]
        for blend in (mixed_gradient_blend, poisson_blend)
    )
    assert np.ptp(exact) > 0.9 * np.ptp(within)
    assert np.ptp(cloned) < 0.9 * np.ptp(exact)


def test_mistakes_of_the_exact_solution():
    image, pasted, region = case()
    with pytest.raises(ValueError, match='not empty'):
        mixed_gradient_blend(image, pasted, np.zeros_like(region))
    with pytest.raises(ValueError, match='one shape'):
        mixed_gradient_blend(image, pasted[1:], region)
    with pytest.raises(ValueError, match='the whole image'):
        mixed_gradient_blend(image, pasted, np.ones_like(region))
