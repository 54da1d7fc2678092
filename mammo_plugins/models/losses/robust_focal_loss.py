"""Focal loss with a penalty for predictions that differ with a fused image."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class RobustFocalLoss(nn.Module):
    """``L = L_Focal + beta L_robust`` (NaFV-Net, eqs. 10 and 11).

    ``L_Focal = -alpha_t (1 - p_t)^gamma log(p_t)``, averaged over the batch, where p_t
    is the probability of the true class. ``L_robust = KL(P(O) || P(F))`` is the
    divergence of the prediction with the fused image of the unaffected side from that
    with the original. The paper does not state the three constants.

    Args:
        beta (float): Weight of L_robust. Defaults to 1.
        gamma (float): Focusing parameter. Defaults to 2, as in Lin et al. (2017).
        alpha (Sequence[float]): Weight of each class. Defaults to (1, 1).
    """

    def __init__(
        self, beta: float = 1.0, gamma: float = 2.0, alpha: Sequence[float] = (1.0, 1.0)
    ) -> None:
        super().__init__()
        self.beta = beta
        self.gamma = gamma
        self.register_buffer('alpha', torch.tensor(alpha), persistent=False)

    def forward(
        self, logits: Tensor, target: Tensor, fused: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Compute both terms.

        Args:
            logits (Tensor): Logits with the original images, (N, classes).
            target (Tensor): Classes, (N, ).
            fused (Tensor, optional): Logits with the fused images. Defaults to
                ``None``: no L_robust.

        Returns:
            dict[str, Tensor]: ``loss_focal`` and, with ``fused``, ``loss_robust``,
            weighted.
        """
        log_p = logits.log_softmax(dim=1)
        log_pt = log_p.gather(1, target[:, None])[:, 0]
        focal = -self.alpha[target] * (1 - log_pt.exp()) ** self.gamma * log_pt
        losses = dict(loss_focal=focal.mean())
        if fused is not None:
            losses['loss_robust'] = self.beta * F.kl_div(
                fused.log_softmax(dim=1), log_p, reduction='batchmean', log_target=True
            )
        return losses
