"""A training that diverges stops; a network that puts out NaN finds nothing."""

from types import SimpleNamespace

import pytest
import torch
from mmdet.structures import DetDataSample
from torch import nn

from mammo_plugins.engine.checkpoint import CheckpointError
from mammo_plugins.engine.finite_outputs import refuse_infinite_outputs
from mammo_plugins.engine.hooks import DivergenceError, FiniteHook
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

RUN = SimpleNamespace(iter=4, epoch=1)
NAN, INF = float('nan'), float('inf')


def batch():
    pair = MultiViewDataSample()
    pair.main = DetDataSample(metainfo=dict(img_path='a/1.png', img_id=1))
    pair.bilateral = DetDataSample(metainfo=dict(img_id=2))
    return dict(data_samples=[pair, DetDataSample(metainfo=dict(img_path='b.png'))])


@pytest.mark.parametrize('value', [NAN, INF, -INF])
@pytest.mark.parametrize('form', [torch.tensor, float, lambda v: torch.tensor([v])])
def test_the_losses_and_samples_are_told(value, form):
    outputs = dict(loss=form(value), loss_bbox=form(0.25), acc=torch.tensor(NAN))
    with pytest.raises(DivergenceError) as error:
        FiniteHook().after_train_iter(RUN, 0, batch(), outputs)
    text = str(error.value)
    assert 'iteration 5 (epoch 2)' in text
    assert f'loss {value:.4g}, loss_bbox 0.25' in text
    assert 'a/1.png, 2, b.png' in text
    assert '\n' not in text


@pytest.mark.parametrize(
    'outputs',
    [
        None,
        {},
        dict(loss=1e30),
        dict(loss=torch.tensor(2.0, requires_grad=True)),
        dict(acc=NAN),
        dict(loss_map=torch.full((2, 2), NAN)),
    ],
)
def test_finite_losses_pass(outputs):
    FiniteHook().after_train_iter(RUN, 0, None, outputs)


def test_no_checkpoint_of_weights_that_are_not_finite():
    state = dict(a=torch.ones(2), b=torch.tensor([1.0, INF]), c=torch.arange(3))
    with pytest.raises(DivergenceError, match='b: 1 of 2 values .* no checkpoint'):
        FiniteHook().before_save_checkpoint(RUN, dict(state_dict=state))
    del state['b']
    FiniteHook().before_save_checkpoint(RUN, dict(state_dict=state))


class Parts(nn.Module):
    def __init__(self, bias):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
        self.bbox_head = nn.Conv2d(2, 1, 1)
        nn.init.constant_(self.bbox_head.bias, bias)

    def forward(self, x):
        return self.bbox_head(self.backbone(x))


def test_nan_outputs_are_refused():
    model = Parts(NAN)
    refuse_infinite_outputs(model, 'a.pth')
    with pytest.raises(
        CheckpointError, match='^a.pth: model.bbox_head outputs NaN or inf'
    ):
        model(torch.ones(1, 1, 2, 2))
    model = Parts(1e30)
    refuse_infinite_outputs(model, 'a.pth')
    assert model(torch.ones(1, 1, 2, 2)).isfinite().all()
