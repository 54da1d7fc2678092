"""Losses of the malignancy classifier's two branches."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmdet.utils import reduce_mean
from torch import Tensor, nn

from mammo_plugins.registry import MODELS


class _TwoBranchLoss(nn.Module):
    """Losses of both branches, each over the samples that have its label.

    The number of these samples is averaged over the processes, so that a label has the
    same weight in each process. It has no lower bound, because the learned
    uncertainties are those of a mean.
    """

    def forward(
        self, cls_score: Tensor, birads_score: Tensor, labels: Tensor, targets: Tensor
    ) -> dict[str, Tensor]:
        """Compute the loss.

        Args:
            cls_score (Tensor): Logits of (not malignant, malignant), shape (N, 2).
            birads_score (Tensor): Predicted BI-RADS scores, shape (N, ).
            labels (Tensor): 1 malignant, 0 not, -1 not known, int64, shape (N, ).
            targets (Tensor): BI-RADS scores in [0, 1], NaN where not known, shape
                (N, ).

        Returns:
            dict[str, Tensor]: ``loss`` and, for the log, ``cross_entropy`` and
            ``squared_error`` of the branches that have a label in any process. All
            parameters get a gradient, zero if the batch has no labels for them, as
            distributed training requires.
        """
        cross_entropy = self._cross_entropy(cls_score, labels)
        squared_error = self._squared_error(birads_score, targets)
        # parameters outside the graph are an error in distributed training
        loss = 0.0 * (
            cls_score.sum()
            + birads_score.sum()
            + sum(parameter.sum() for parameter in self.parameters())
        )
        logged = {}
        for name, value, combine in (
            ('cross_entropy', cross_entropy, self.classification_term),
            ('squared_error', squared_error, self.regression_term),
        ):
            if value is not None:
                loss = loss + combine(value)
                logged[name] = value.detach()
        return dict(loss=loss, **logged)

    @staticmethod
    def _cross_entropy(cls_score: Tensor, labels: Tensor) -> Tensor | None:
        known = labels >= 0
        return _over_all(
            known, F.cross_entropy(cls_score[known], labels[known], reduction='sum')
        )

    @staticmethod
    def _squared_error(scores: Tensor, targets: Tensor) -> Tensor | None:
        known = ~targets.isnan()
        return _over_all(
            known, F.mse_loss(scores[known], targets[known], reduction='sum')
        )

    def classification_term(self, cross_entropy: Tensor) -> Tensor:
        """Return the term of the classification branch."""
        raise NotImplementedError

    def regression_term(self, squared_error: Tensor) -> Tensor:
        """Return the term of the regression branch."""
        raise NotImplementedError


def _over_all(known: Tensor, total: Tensor) -> Tensor | None:
    """Divide a sum by the mean number of labels over processes; None without labels."""
    number = reduce_mean(known.sum().float())
    return total / number if number > 0 else None


@MODELS.register_module()
class UncertaintyWeightedLoss(_TwoBranchLoss):
    r"""Cross entropy and squared error, weighted by learned uncertainties.

    MommiNet-v2, section 3.7, eq. 4 (after Kendall et al., CVPR 2018):

    .. math::
        L = \frac{1}{\sigma_1^2} L_1 + \frac{1}{2 \sigma_2^2} L_2
            + \log \sigma_1 \sigma_2

    L1 is the softmax cross entropy of biopsy labels, L2 the squared error of BI-RADS
    scores, each averaged over the samples that have the label; the paper does not state
    how the others are treated. If no process has a label of a branch, both that
    branch's loss and its log sigma are omitted. Otherwise sigma would shrink without
    bound. The learned parameter is log sigma, so that sigma stays positive. For fixed
    losses, the optimum is ``sigma_1 ** 2 = 2 * L1`` and ``sigma_2 ** 2 = L2``; the loss
    may be negative.

    Args:
        init_sigma (Sequence[float]): Initial (sigma_1, sigma_2). Defaults to (1, 1).
    """

    def __init__(self, init_sigma: Sequence[float] = (1.0, 1.0)) -> None:
        super().__init__()
        if len(init_sigma) != 2 or min(init_sigma) <= 0:
            raise ValueError(
                f'init_sigma is {tuple(init_sigma)}, expected two values > 0'
            )
        self.log_sigma = nn.Parameter(
            torch.tensor([math.log(sigma) for sigma in init_sigma])
        )

    @property
    def sigma(self) -> tuple[float, float]:
        """tuple[float]: The current (sigma_1, sigma_2)."""
        return tuple(self.log_sigma.detach().exp().tolist())

    def forward(self, *args, **kwargs) -> dict[str, Tensor]:
        """Compute the loss, as in the parent; also log ``sigma_1`` and ``sigma_2``."""
        sigmas = self.log_sigma.detach().exp()
        return dict(
            super().forward(*args, **kwargs), sigma_1=sigmas[0], sigma_2=sigmas[1]
        )

    def classification_term(self, cross_entropy: Tensor) -> Tensor:
        """Return ``L1 / sigma_1 ** 2 + log(sigma_1)``."""
        log_sigma = self.log_sigma[0]
        return torch.exp(-2 * log_sigma) * cross_entropy + log_sigma

    def regression_term(self, squared_error: Tensor) -> Tensor:
        """Return ``L2 / (2 * sigma_2 ** 2) + log(sigma_2)``."""
        log_sigma = self.log_sigma[1]
        return torch.exp(-2 * log_sigma) * squared_error / 2 + log_sigma


@MODELS.register_module()
class FixedWeightLoss(_TwoBranchLoss):
    """Cross entropy and squared error with fixed weights.

    MommiNet-v2 compares with this alternative (section 4.2, fig. 8); 0.7 and 0.3 are
    its best weights. With weights of 1 and 0, only biopsy labels are used (section 4.2:
    'only binary labels'). The BI-RADS scores of such a model are meaningless.

    Args:
        weights (Sequence[float]): Weights of the cross entropy and of the squared
            error. Defaults to (0.7, 0.3).
    """

    def __init__(self, weights: Sequence[float] = (0.7, 0.3)) -> None:
        super().__init__()
        if len(weights) != 2 or min(weights) < 0 or max(weights) <= 0:
            raise ValueError(
                f'weights are {tuple(weights)}, expected two values '
                '>= 0, one of them > 0'
            )
        self.weights = tuple(weights)

    def classification_term(self, cross_entropy: Tensor) -> Tensor:
        """Return ``w1 * L1``."""
        return self.weights[0] * cross_entropy

    def regression_term(self, squared_error: Tensor) -> Tensor:
        """Return ``w2 * L2``."""
        return self.weights[1] * squared_error
