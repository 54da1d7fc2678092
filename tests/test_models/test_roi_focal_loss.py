import math

import pytest
import torch
from mmdet.models.roi_heads.bbox_heads import Shared2FCBBoxHead

from mammo_plugins.models import RoIFocalLoss


def by_hand(logits, labels, weights, gamma, alpha):
    """Focal loss of each output, from its definition (Lin et al., 2017, eq. 5)."""
    total = 0.0
    for row, label, weight in zip(logits.tolist(), labels.tolist(), weights.tolist()):
        for column, logit in enumerate(row):
            p = 1 / (1 + pow(2.718281828459045, -logit))
            p_t, a_t = (p, alpha) if column == label else (1 - p, 1 - alpha)
            total += (
                weight
                * -a_t
                * (1 - p_t) ** gamma
                * torch.log(torch.tensor(p_t, dtype=torch.float64)).item()
            )
    return total


@pytest.mark.parametrize('gamma, alpha', [(2.0, 0.25), (1.0, 0.5)])
def test_sum_over_the_number_of_foreground_rois(gamma, alpha):
    torch.manual_seed(0)
    logits = torch.randn(9, 2, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 2, 2, 0, 2, 2, 2])  # 2 is background
    weights = torch.rand(9, dtype=torch.float64)
    loss = RoIFocalLoss(gamma=gamma, alpha=alpha, loss_weight=3.0)(
        logits, labels, weights, avg_factor=9.0
    )
    expected = 3.0 * by_hand(logits, labels, weights, gamma, alpha) / 3
    assert loss.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    'foreground, fraction, divisor',
    [(0, 0.0, 1), (0, 0.05, 25.6), (10, 0.05, 25.6), (40, 0.05, 40), (3, 0.0, 3)],
)
def test_divisor(foreground, fraction, divisor):
    labels = torch.ones(512, dtype=torch.long)
    labels[:foreground] = 0
    # at logit 0 a lesion gives 0.25 / 4 log 2, another RoI three times that
    total = (foreground + 3 * (512 - foreground)) / 16 * math.log(2)
    loss = RoIFocalLoss(fraction)(
        torch.zeros(512, 1), labels, torch.ones(512), avg_factor=512.0
    )
    assert loss.item() == pytest.approx(total / divisor, rel=1e-5)


def test_images_without_lesions_have_a_finite_loss():
    logits = torch.zeros(4, 1, requires_grad=True)
    loss = RoIFocalLoss()(
        logits, torch.ones(4, dtype=torch.long), torch.ones(4), avg_factor=4.0
    )
    loss.backward()
    assert loss.item() == pytest.approx(4 * 0.75 * 0.25 * 0.6931472, rel=1e-5)
    assert (logits.grad > 0).all()


def test_scores_are_what_is_trained():
    logits = torch.tensor([[2.0, -1.0], [-3.0, -3.0]])
    scores = RoIFocalLoss().get_activation(logits)
    torch.testing.assert_close(scores[:, :2], torch.sigmoid(logits))
    torch.testing.assert_close(scores[:, 2], 1 - torch.sigmoid(logits).amax(1))


def test_accuracy_counts_background():
    logits = torch.tensor([[2.0, -1.0], [-3.0, -3.0], [-1.0, -1.0], [1.0, 3.0]])
    labels = torch.tensor([0, 2, 0, 0])
    accuracy = RoIFocalLoss().get_accuracy(logits, labels)['acc']
    assert accuracy.item() == pytest.approx(50.0)


def test_bbox_head_has_an_output_a_class():
    head = Shared2FCBBoxHead(
        in_channels=4,
        fc_out_channels=8,
        num_classes=1,
        loss_cls=dict(type='mammo.RoIFocalLoss'),
    )
    score, _ = head(torch.zeros(3, 4, 7, 7))
    assert score.shape == (3, 1)
