"""One switch of modes and one way to start a stage."""

import pytest
import torch
from mmengine.model import BaseModule
from torch import nn

from mammo_plugins.models import (
    BlendingGAN,
    DisAsymNet,
    DIVFNet,
    ExamSegmentor,
    MommiNet,
    NaFVNet,
)
from mammo_plugins.models.multi_view import ModeSwitch, MultiViewModel, StagedModel


class Doubler(MultiViewModel):
    modes = dict(MultiViewModel.modes, twice='twice')
    default_preprocessor = dict(MultiViewModel.default_preprocessor, num_channels=1)

    def _forward(self, inputs, data_samples=None):
        return inputs

    def loss(self, inputs, data_samples):
        return dict(loss=inputs['x'])

    def predict(self, inputs, data_samples):
        return data_samples

    def twice(self, inputs, data_samples):
        return 2 * inputs['x']


def test_modes_lead_to_methods():
    model, inputs = Doubler(), dict(x=torch.ones(1))
    assert model(inputs) is inputs
    assert model(inputs, [], mode='loss')['loss'] is inputs['x']
    assert model(inputs, ['a'], mode='predict') == ['a']
    assert model(inputs, mode='twice') == 2
    with pytest.raises(
        RuntimeError,
        match="Doubler.forward: mode 'train'; expected tensor, loss, predict or twice",
    ):
        model(inputs, mode='train')


def test_settings_go_before_the_default_preprocessor():
    assert Doubler().data_preprocessor.normalization.num_channels == 1
    other = Doubler(dict(num_channels=3, mean=0.5)).data_preprocessor
    assert other.normalization.num_channels == 3 and other.normalization.mean == 0.5
    plain = Doubler(dict(type='mammo.MammogramDataPreprocessor')).data_preprocessor
    assert type(plain).__name__ == 'MammogramDataPreprocessor'


@pytest.mark.parametrize(
    'model', [BlendingGAN, DisAsymNet, DIVFNet, ExamSegmentor, NaFVNet]
)
def test_models_have_no_switch_of_their_own(model):
    assert model.forward is ModeSwitch.forward
    assert all(hasattr(model, method) for method in model.modes.values())


@pytest.mark.parametrize('model', [MommiNet, NaFVNet])
def test_stages_are_started_in_one_way(model):
    assert issubclass(model, StagedModel) and model.train is StagedModel.train


class Parts(StagedModel, BaseModule):
    stage_parts = dict(first=('a',), second=('b', 'c'), never=('d',))

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (nn.Sequential(nn.BatchNorm1d(2)) for _ in 'abc')
        self.d = None


def learning(model):
    assert all(part.training == part[0].training for part in model.children())
    return [name for name, part in model.named_children() if part.training]


def test_the_part_under_way_is_in_training_mode():
    model = Parts()
    assert model.stages == ['first', 'second'] and model.stage is None
    assert learning(model.train()) == ['a', 'b', 'c']
    model.start_stage('second')
    assert model.train().training and learning(model) == ['b', 'c']
    assert learning(model.eval()) == []
    model.start_stage('first')
    assert learning(model.train()) == ['a'] and model.started_stage() == 'first'
    model.start_stage(None)
    assert learning(model.train()) == ['a', 'b', 'c']


@pytest.mark.parametrize('stage', ['never', 'third'])
def test_stages_that_are_not_there(stage):
    model = Parts()
    with pytest.raises(
        ValueError,
        match=f"Parts: no part '{stage}' to train; expected "
        r"one of \['first', 'second'\]",
    ):
        model.start_stage(stage)
    with pytest.raises(
        RuntimeError,
        match='Parts is trained in stages: set train_cfg.type to StagedTrainLoop',
    ):
        model.started_stage()
