"""Sigmoid focal loss against the formula written out and differentiated."""

import pytest
import torch
from mmcv.ops import SigmoidFocalLoss, sigmoid_focal_loss

import mammo_plugins  # noqa: F401  installs the operators


def formula(logits, target, gamma, alpha, weight=None):
    """Lin et al., equation 5, entry by entry; (N, C)."""
    loss = torch.zeros_like(logits)
    for n in range(logits.size(0)):
        for c in range(logits.size(1)):
            p = 1 / (1 + torch.exp(-logits[n, c]))
            if target[n] == c:
                value = -alpha * (1 - p) ** gamma * torch.log(p)
            else:
                value = -(1 - alpha) * p**gamma * torch.log(1 - p)
            if weight is not None and target[n] < logits.size(1):
                value = value * weight[target[n]]
            loss[n, c] = value
    return loss


@pytest.fixture
def sample():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(9, 4, generator=generator, dtype=torch.float64) * 3
    target = torch.tensor([0, 1, 2, 3, 4, 4, 0, 2, 1])  # 4 is the background
    weight = torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=torch.float64)
    return logits.requires_grad_(), target, weight


@pytest.mark.parametrize('gamma, alpha', [(2.0, 0.25), (0.0, 0.5), (1.5, 0.9)])
@pytest.mark.parametrize('weighted', [False, True])
def test_loss_and_gradient(sample, gamma, alpha, weighted):
    logits, target, weight = sample
    weight = weight if weighted else None
    expected = formula(logits, target, gamma, alpha, weight)
    loss = sigmoid_focal_loss(logits, target, gamma, alpha, weight, 'none')
    torch.testing.assert_close(loss, expected)
    of_loss = torch.arange(36, dtype=torch.float64).reshape(9, 4) - 10
    torch.testing.assert_close(
        torch.autograd.grad(loss, logits, of_loss)[0],
        torch.autograd.grad(expected, logits, of_loss)[0],
    )


@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_reductions(sample, reduction):
    logits, target, _ = sample
    expected = formula(logits, target, 2.0, 0.25).sum()
    if reduction == 'mean':  # mmcv's mean is over rows
        expected = expected / 9
    loss = SigmoidFocalLoss(2.0, 0.25, reduction=reduction)(logits, target)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, logits)[0], torch.autograd.grad(expected, logits)[0]
    )


def test_large_logits_stay_exact():
    logits = torch.tensor([[-200.0], [200.0]], requires_grad=True)
    target = torch.tensor([0, 1])  # wrong by 200 both times
    loss = sigmoid_focal_loss(logits, target, 2.0, 0.25, None, 'none')
    torch.testing.assert_close(loss, torch.tensor([[0.25 * 200], [0.75 * 200]]))
    loss.sum().backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[-0.25], [0.75]]))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(sample, dtype):
    logits, target, _ = sample
    half = logits.detach().to(dtype).requires_grad_()
    loss = sigmoid_focal_loss(half, target, 2.0, 0.25, None, 'none')
    assert loss.dtype == dtype
    expected = formula(half.double(), target, 2.0, 0.25)
    torch.testing.assert_close(loss, expected.to(dtype))
    grad = torch.autograd.grad(loss.sum(), half)[0]
    assert grad.dtype == dtype
    torch.testing.assert_close(
        grad, torch.autograd.grad(expected.sum(), half)[0], atol=1e-3, rtol=1e-2
    )


def test_cuda_equals_cpu(sample):
    if not torch.cuda.is_available():
        pytest.skip('no CUDA device')
    results = []
    for device in ('cpu', 'cuda'):
        logits, target, weight = (tensor.detach().to(device) for tensor in sample)
        logits.requires_grad_()
        loss = sigmoid_focal_loss(logits, target, 2.0, 0.25, weight, 'none')
        loss.square().sum().backward()
        results.append((loss.detach().cpu(), logits.grad.cpu()))
    torch.testing.assert_close(results[0], results[1])


def test_no_rows():
    logits = torch.zeros(0, 3, requires_grad=True)
    loss = sigmoid_focal_loss(
        logits, torch.zeros(0, dtype=torch.long), 2.0, 0.25, None, 'sum'
    )
    loss.backward()
    assert loss.item() == 0 and logits.grad.shape == (0, 3)
