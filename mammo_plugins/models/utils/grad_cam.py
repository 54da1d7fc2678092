"""Grad-CAM of classifiers."""

from collections.abc import Callable

import torch
from torch import Tensor


def grad_cam(
    feats: Tensor, logits_of: Callable[[Tensor], Tensor], class_index: int
) -> Tensor:
    """Compute Grad-CAM (Selvaraju et al., 2017; eqs. 1 and 2 of DIVF-Net's paper).

    Args:
        feats (Tensor): Activations A of the last convolutional layer,
            (N, C, h, w).
        logits_of (Callable): Returns the class scores y, (N, classes), of ``feats``.
            Each row must depend only on its own row, as in a model in eval mode.
        class_index (int): The class c to explain.

    Returns:
        Tensor: (N, h, w), non-negative, without gradient.
    """
    with torch.enable_grad():
        feats = feats.detach().requires_grad_()
        score = logits_of(feats)[:, class_index].sum()
        (gradient,) = torch.autograd.grad(score, feats)
    weights = gradient.mean(dim=(2, 3), keepdim=True)  # eq. 1
    return (weights * feats).sum(dim=1).relu().detach()  # eq. 2
