"""Eqs. 10 and 11 of NaFV-Net."""

import math

import pytest
import torch
from scipy.stats import entropy
from torch.nn import functional as F

from mammo_plugins.models import RobustFocalLoss


def test_focal_part_by_hand():
    p = torch.tensor([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]], dtype=torch.float64)
    target = torch.tensor([0, 1, 1])
    loss = RobustFocalLoss(gamma=2.0, alpha=(0.25, 0.75))
    found = loss(p.log(), target)
    expected = (
        0.25 * 0.1**2 * -math.log(0.9)
        + 0.75 * 0.3**2 * -math.log(0.7)
        + 0.75 * 0.6**2 * -math.log(0.4)
    ) / 3
    assert found['loss_focal'].item() == pytest.approx(expected)
    assert 'loss_robust' not in found


def test_without_focusing_it_is_cross_entropy():
    torch.manual_seed(0)
    logits, target = torch.randn(5, 2), torch.randint(2, (5,))
    torch.testing.assert_close(
        RobustFocalLoss(gamma=0.0)(logits, target)['loss_focal'],
        F.cross_entropy(logits, target),
    )


def test_robust_part_is_the_divergence_from_the_original():
    """SciPy's relative entropy, in the paper's order."""
    torch.manual_seed(1)
    original, fused = torch.randn(2, 4, 2, dtype=torch.float64)
    found = RobustFocalLoss(beta=0.7)(original, torch.zeros(4, dtype=torch.long), fused)
    expected = entropy(original.softmax(1).numpy(), fused.softmax(1).numpy(), axis=1)
    assert found['loss_robust'].item() == pytest.approx(0.7 * expected.mean())
    same = RobustFocalLoss()(original, torch.zeros(4, dtype=torch.long), original)
    assert same['loss_robust'].item() == pytest.approx(0, abs=1e-12)


def test_gradients():
    torch.manual_seed(2)
    logits, fused = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([1, 0, 1])
    assert torch.autograd.gradcheck(
        lambda a, b: sum(RobustFocalLoss()(a, target, b).values()),
        (logits.detach().requires_grad_(), fused.detach().requires_grad_()),
    )
