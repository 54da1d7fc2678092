"""Losses of the blending adversarial networks in closed form."""

import math

import numpy as np
import pytest
import torch

from mammo_plugins.models import (
    BackgroundLoss,
    SeamlessBlendingLoss,
    image_gradient,
    lesion_gradient,
)

SIZE = (12, 10)


def flat(value=0.3):
    return torch.full((1, 1, *SIZE), value, dtype=torch.float64)


def region():
    mask = flat(0.0)
    mask[..., 3:8, 2:7] = 1.0
    return mask


def random(seed):
    generator = torch.manual_seed(seed)
    return torch.rand(1, 1, *SIZE, generator=generator, dtype=torch.float64)


def test_gradient_is_that_of_numpy():
    image = random(0)
    dy, dx = (np.diff(image[0, 0].numpy(), axis=axis) for axis in (0, 1))
    found = image_gradient(image)[0].numpy()
    np.testing.assert_allclose(found[0, :, :-1], dx)
    np.testing.assert_allclose(found[1, :-1], dy)
    assert not found[0, :, -1].any() and not found[1, -1].any()


def test_the_seam_of_the_paste_is_not_the_lesions():
    """A flat patch of another grey has no gradient of its own."""
    mask = region()
    assert lesion_gradient(flat() + 0.4 * mask, mask).abs().max() == 0
    ramp = torch.arange(SIZE[1], dtype=torch.float64).expand_as(mask) * 0.1
    found = lesion_gradient(ramp * mask, mask)
    assert found[0, 0, 3:8, 2:6] == pytest.approx(0.1)
    assert not found[0, 0, :, 6:].any() and not found[0, 0, :, :2].any()
    assert not found[0, 1].any()


def test_identity_costs_nothing():
    """Without texture in the lesion, the tissue's gradient is the stronger one."""
    normal, mask = random(1), region()
    assert SeamlessBlendingLoss()(normal, normal, flat() * mask, mask) == 0
    assert BackgroundLoss()(normal, normal, mask) == (0, 0)


def test_lesion_is_wanted_where_it_is_stronger():
    """What Poisson editing with mixed gradients would give: no cost."""
    mask, normal = region(), flat()
    bump = torch.zeros_like(mask)
    bump[..., 4:7, 3:6] = 0.2  # flat tissue, a lesion that ends within its patch
    pasted = normal + bump
    assert SeamlessBlendingLoss()(pasted, normal, pasted, mask) == pytest.approx(0.0)
    # leaving it out costs the edges of the bump: 3 steps of 0.2 on each of 4 sides
    expected = math.sqrt(12 * 0.2**2 / 25)
    assert SeamlessBlendingLoss()(normal, normal, pasted, mask) == pytest.approx(
        expected
    )


def by_loop(output, normal, pasted, mask):
    output, normal, pasted, mask = (
        x[0, 0].numpy() for x in (output, normal, pasted, mask)
    )
    height, width = output.shape
    steps = ((0, 1), (1, 0))

    def gradient(image, y, x, of_patch=False):
        found = []
        for dy, dx in steps:
            j, i = y + dy, x + dx
            there = (
                j < height
                and i < width
                and not (of_patch and not (mask[j, i] and mask[y, x]))
            )
            found.append(image[j, i] - image[y, x] if there else 0.0)
        return np.array(found)

    total = 0.0
    for y in range(height):
        for x in range(width):
            tissue = gradient(normal, y, x)
            lesion = gradient(pasted, y, x, of_patch=True)
            stronger = np.linalg.norm(tissue) > np.linalg.norm(lesion)
            missed = gradient(output, y, x) - (tissue if stronger else lesion)
            for (dy, dx), error in zip(steps, missed):
                j, i = y + dy, x + dx
                if j >= height or i >= width:
                    assert error == 0 or not mask[y, x]
                elif mask[y, x] and mask[j, i]:
                    total += error**2
                elif mask[y, x] or mask[j, i]:  # over the border: the tissue's
                    total += (
                        output[j, i] - output[y, x] - normal[j, i] + normal[y, x]
                    ) ** 2
    return math.sqrt(total / mask.sum())


@pytest.mark.parametrize('turns', range(4))
def test_a_seam_costs_the_same_on_every_side(turns):
    """A region that is darker than its surroundings by 0.1, towards one side."""
    mask = torch.rot90(region(), turns, (2, 3))
    # on a slope, with a texture in the patch that is stronger: what the tissue has
    # over the border is wanted on all sides
    normal = torch.full_like(mask, 0.3)
    dark = torch.zeros_like(region())
    dark[..., 3, 2:7] = -0.1  # the first row of the region
    output = normal + torch.rot90(dark, turns, (2, 3))
    cost = SeamlessBlendingLoss()(output, normal, normal, mask)
    # five steps above, five below, two at the ends
    assert cost.item() == pytest.approx(math.sqrt(12 * 0.1**2 / 25))


@pytest.mark.parametrize('turns', range(4))
def test_a_slope_goes_on_over_the_border(turns):
    """A lesion as steep as the tissue is not wanted flat at its patch's border."""
    slope = torch.arange(SIZE[1], dtype=torch.float64).expand(1, 1, *SIZE) * 0.02
    mask, normal = (torch.rot90(image, turns, (2, 3)) for image in (region(), slope))
    pasted = torch.where(mask > 0, 0.4 + 1.0001 * normal, normal)  # just stronger
    assert SeamlessBlendingLoss()(normal, normal, pasted, mask).item() < 1e-4


@pytest.mark.parametrize('seed', range(3))
def test_seamless_loss_equals_a_loop(seed):
    images = [random(seed + k) for k in range(3)]
    mask = region()
    mask[..., 6:, 6:] = 1.0  # to the image's border
    assert SeamlessBlendingLoss()(*images, mask).item() == pytest.approx(
        by_loop(*images, mask)
    )


def test_background_loss_of_a_step():
    """0.1 more on the right half: the mean of the change, and the new edge."""
    normal, mask = flat(), flat(0.0)
    output = normal.clone()
    output[..., 5:] += 0.1
    grey, gradient = BackgroundLoss()(output, normal, mask)
    assert grey.item() == pytest.approx(0.05)
    assert gradient.item() == pytest.approx(math.sqrt(12 * 0.1**2 / 120))


def test_background_loss_sees_nothing_of_the_lesion():
    normal, mask = random(2), region()
    inside = mask.clone()
    inside[..., 3, :] = inside[..., 7, :] = inside[..., 2] = inside[..., 6] = 0
    grey, gradient = BackgroundLoss()(normal + 0.3 * inside, normal, mask)
    assert grey == 0 and gradient == 0
    # a seam is seen from the pixels around
    assert BackgroundLoss()(normal + 0.3 * mask, normal, mask)[1] > 0.01


@pytest.mark.parametrize('name', ['seamless', 'background'])
def test_gradients(name):
    output, normal, pasted, mask = random(3), random(4), random(5), region()
    output.requires_grad_()
    if name == 'seamless':
        assert torch.autograd.gradcheck(
            lambda x: SeamlessBlendingLoss()(x, normal, pasted, mask).double(),
            output,
            atol=1e-3,
            eps=1e-3,
        )
    else:
        assert torch.autograd.gradcheck(
            lambda x: sum(BackgroundLoss()(x, normal, mask)),
            output,
            atol=1e-3,
            eps=1e-4,
        )


def test_no_gradient_is_nan_at_the_optimum():
    normal, mask = random(6), region()
    output = normal.clone().requires_grad_()
    (
        SeamlessBlendingLoss()(output, normal, flat() * mask, mask)
        + sum(BackgroundLoss()(output, normal, mask))
    ).backward()
    assert torch.isfinite(output.grad).all()


def test_empty_regions():
    normal = random(7)
    nothing, all_of_it = torch.zeros_like(normal), torch.ones_like(normal)
    assert SeamlessBlendingLoss()(normal + 1, normal, normal, nothing) == 0
    assert sum(BackgroundLoss()(normal + 1, normal, all_of_it)) == 0
