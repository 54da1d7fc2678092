"""Pixel-wise focal loss, against sums over pixels by hand."""

import math

import pytest
import torch

from mammo_plugins.models import PixelFocalLoss


def by_hand(logits, target, gamma=2.0, alpha=0.25, fraction=0.001):
    total, lesion, pixels = 0.0, 0, 0
    for x, t in zip(logits.flatten().tolist(), target.flatten().tolist()):
        if t == 255:
            continue
        p = 1 / (1 + math.exp(-x))
        total += (
            -alpha * (1 - p) ** gamma * math.log(p)
            if t
            else -(1 - alpha) * p**gamma * math.log(1 - p)
        )
        lesion += t
        pixels += 1
    return total / max(lesion, fraction * pixels, 1)


@pytest.mark.parametrize('kwargs', [{}, dict(gamma=1.5, alpha=0.6)])
def test_is_the_sum_over_counted_pixels_by_lesion_pixels(kwargs):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 9, 7, generator=generator)
    target = torch.randint(2, (2, 1, 9, 7), generator=generator)
    target[torch.rand(2, 1, 9, 7, generator=generator) < 0.3] = 255
    loss = PixelFocalLoss(**kwargs)(logits, target.to(torch.uint8))
    assert float(loss) == pytest.approx(by_hand(logits, target, **kwargs), rel=1e-5)


@pytest.mark.parametrize(
    'lesions, fraction, divisor',
    [(0, 0.0, 1), (0, 0.001, 10), (3, 0.001, 10), (40, 0.001, 40), (3, 0.0, 3)],
)
def test_divisor(lesions, fraction, divisor):
    target = torch.zeros(100, 100)
    target.view(-1)[:lesions] = 1
    # with logit 0 a lesion pixel gives 0.25 / 4 log 2, another three times that
    total = (lesions + 3 * (10000 - lesions)) / 16 * math.log(2)
    loss = PixelFocalLoss(min_lesion_fraction=fraction)(torch.zeros(100, 100), target)
    assert float(loss) == pytest.approx(total / divisor, rel=1e-5)


def test_all_ignored_is_zero_with_gradient_zero():
    logits = torch.randn(1, 1, 4, 4).requires_grad_()
    loss = PixelFocalLoss()(logits, torch.full((1, 1, 4, 4), 255))
    loss.backward()
    assert loss == 0
    assert torch.equal(logits.grad, torch.zeros(1, 1, 4, 4))


def test_ignored_pixels_get_no_gradient():
    logits = torch.zeros(1, 1, 2, 2).requires_grad_()
    PixelFocalLoss()(logits, torch.tensor([[[[0, 1], [255, 0]]]])).backward()
    assert (logits.grad != 0).flatten().tolist() == [True, True, False, True]


def test_weight_scales():
    logits, target = torch.randn(5), torch.tensor([0, 1, 0, 1, 1])
    torch.testing.assert_close(
        PixelFocalLoss(loss_weight=3.0)(logits, target),
        3 * PixelFocalLoss()(logits, target),
    )


def test_half_precision_does_not_overflow():
    logits = torch.full((1, 1, 600, 600), 3.0, dtype=torch.half)
    loss = PixelFocalLoss(min_lesion_fraction=0.0)(logits, torch.zeros_like(logits))
    assert loss.dtype == torch.float and loss.isfinite()
    assert loss > torch.finfo(torch.half).max
