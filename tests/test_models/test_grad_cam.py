"""Grad-CAM against its closed form and finite differences."""

import torch
from torch import nn

from mammo_plugins.models.utils import grad_cam


def test_closed_form_behind_global_average_pooling():
    """There the weights of eq. 1 are the head's over the number of pixels."""
    torch.manual_seed(0)
    feats = torch.randn(3, 5, 4, 6)
    head = nn.Linear(5, 2)
    for c in range(2):
        found = grad_cam(feats, lambda x: head(x.mean((2, 3))), c)
        expected = torch.einsum('nkij,k->nij', feats, head.weight[c] / 24).clamp(min=0)
        torch.testing.assert_close(found, expected)
        assert not found.requires_grad


def test_finite_differences():
    torch.manual_seed(1)
    feats = torch.randn(1, 2, 3, 3, dtype=torch.float64)
    mixing = torch.randn(2, 18, dtype=torch.float64)

    def logits(x):
        return torch.tanh(x.flatten(1)) @ mixing.T

    gradient = torch.zeros_like(feats)
    for index in torch.cartesian_prod(*map(torch.arange, feats.shape)).tolist():
        moved = torch.zeros_like(feats)
        moved[tuple(index)] = 1e-6
        gradient[tuple(index)] = (logits(feats + moved) - logits(feats - moved))[
            0, 1
        ] / 2e-6
    weights = gradient.mean((2, 3))
    expected = (weights[..., None, None] * feats).sum(1).clamp(min=0)
    torch.testing.assert_close(
        grad_cam(feats, logits, 1), expected, atol=1e-7, rtol=1e-6
    )


def test_works_where_gradients_are_off():
    feats = torch.ones(1, 1, 2, 2)
    with torch.no_grad():
        found = grad_cam(feats, lambda x: x.mean((2, 3)) * 8, 0)
    torch.testing.assert_close(found, torch.full((1, 2, 2), 2.0))
