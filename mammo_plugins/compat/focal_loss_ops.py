"""Sigmoid focal loss with the call signatures of ``mmcv._ext``.

Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, equation 5. With
p = sigmoid(x), a positive costs -alpha (1 - p)^gamma log(p) and a negative
-(1 - alpha) p^gamma log(1 - p). Logarithms come from ``logsigmoid``, so large logits
neither overflow nor, as in the compiled operator, saturate at log(FLT_MIN).
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from mammo_plugins.compat.precision import full_precision


def _positives_and_factors(
    input: Tensor, target: Tensor, weight: Tensor, alpha: float
) -> tuple[Tensor, Tensor]:
    """Return which entries are positive, and the factor of each entry; both (N, C).

    A target that is not a class, such as the background label C, makes its entire row
    negative with weight 1.
    """
    num_classes = input.size(1)
    classes = torch.arange(num_classes, device=input.device)
    positive = target[:, None] == classes
    factor = torch.where(positive, alpha, 1 - alpha).to(input.dtype)
    if weight.numel():
        is_class = (target >= 0) & (target < num_classes)
        of_row = weight.to(input.dtype)[target.clamp(0, num_classes - 1)]
        factor = factor * torch.where(is_class, of_row, 1.0)[:, None]
    return positive, factor


def sigmoid_focal_loss_forward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    output: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Write the loss of every entry to ``output``.

    Args:
        input: Logits, (N, C).
        target: Class of each row, (N, ) int64; C or a negative number for none.
        weight: Weight of each row's class, (C, ), or empty for none.
        output: (N, C) buffer that receives the loss.
        gamma: Focusing exponent.
        alpha: Weight of positives; negatives weigh 1 - alpha.
    """
    x = full_precision(input)
    positive, factor = _positives_and_factors(x, target, weight, alpha)
    # A negative at x costs what a positive costs at -x.
    z = torch.where(positive, x, -x)
    output.copy_(-factor * torch.sigmoid(-z).pow(gamma) * logsigmoid(z))


def sigmoid_focal_loss_backward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    grad_input: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Write the derivative of every entry's loss by its logit to ``grad_input``.

    Args:
        input: Logits, (N, C).
        target: As in :func:`sigmoid_focal_loss_forward`.
        weight: As in :func:`sigmoid_focal_loss_forward`.
        grad_input: (N, C) buffer that receives the derivative.
        gamma: Focusing exponent.
        alpha: Weight of positives; negatives weigh 1 - alpha.
    """
    x = full_precision(input)
    positive, factor = _positives_and_factors(x, target, weight, alpha)
    z = torch.where(positive, x, -x)
    p, q = torch.sigmoid(z), torch.sigmoid(-z)
    by_z = factor * q.pow(gamma) * (gamma * p * logsigmoid(z) - q)
    grad_input.copy_(torch.where(positive, by_z, -by_z))
