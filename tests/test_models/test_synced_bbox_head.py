"""The box head beside mmdet's, and without RoIs."""

import pytest
import torch
from mmdet.models import Shared2FCBBoxHead

from mammo_plugins.models import SyncedBBoxHead

LOSSES = dict(
    focal=dict(type='mammo.RoIFocalLoss'),
    cross_entropy=dict(type='mmdet.CrossEntropyLoss'),
)


def heads(loss, **options):
    """Ours and mmdet's, with the same weights."""
    torch.manual_seed(0)
    options = dict(
        dict(
            in_channels=2,
            fc_out_channels=4,
            roi_feat_size=2,
            num_classes=1,
            loss_cls=LOSSES[loss],
        ),
        **options,
    )
    made = [kind(**options) for kind in (SyncedBBoxHead, Shared2FCBBoxHead)]
    made[1].load_state_dict(made[0].state_dict())
    return made


def losses_of(head, n):
    """Losses of n RoIs, half of them on lesions."""
    torch.manual_seed(1)
    return head.loss(
        *head(torch.randn(n, 2, 2, 2)),
        torch.zeros(n, 5),
        torch.arange(n) % 2,
        torch.ones(n),
        torch.rand(n, 4),
        torch.ones(n, 4),
    )


@pytest.mark.parametrize('loss', LOSSES)
@pytest.mark.parametrize(
    'options',
    [
        {},
        dict(num_classes=2),
        dict(reg_class_agnostic=True),
        dict(with_reg=False),
        dict(
            num_classes=3, reg_decoded_bbox=True, loss_bbox=dict(type='mmdet.GIoULoss')
        ),
    ],
    ids=str,
)
def test_with_rois_it_is_mmdets(loss, options):
    ours, theirs = (losses_of(head, 6) for head in heads(loss, **options))
    assert set(ours) == set(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize('loss', LOSSES)
def test_without_rois_all_layers_have_a_gradient_of_nothing(loss):
    """Other processes wait for each of them; mmdet leaves the classes out."""
    ours, theirs = heads(loss)
    losses = losses_of(ours, 0)
    assert set(losses) == {'loss_cls', 'loss_bbox'}
    assert set(losses_of(theirs, 0)) == {'loss_bbox'}
    total = losses['loss_cls'] + losses['loss_bbox']
    total.backward()
    assert total == 0
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in ours.parameters())
