"""Training with other layouts of memory, compiled, or with fewer activations kept."""

from types import SimpleNamespace

import pytest
import torch
from mmdet.models.backbones.resnet import BasicBlock
from mmengine.model import BaseModel, ImgDataPreprocessor
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import nn

from mammo_plugins.engine.hooks import AccelerationHook
from mammo_plugins.engine.hooks.acceleration_hook import align_optimizers


class Net(BaseModel):
    def __init__(self):
        super().__init__(ImgDataPreprocessor(pad_size_divisor=96))
        torch.manual_seed(0)
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), BasicBlock(4, 4, norm_cfg=dict(type='BN'))
        )
        self.neck = nn.Conv2d(4, 4, 1)
        self.head = nn.Conv2d(4, 1, 1)

    def forward(self, inputs, mode='loss'):
        return self.head(self.neck(self.backbone(inputs)))


def runner_of(model, **sgd):
    sgd = torch.optim.SGD(model.parameters(), **{'lr': 0.1, 'momentum': 0.9, **sgd})
    return SimpleNamespace(model=model, optim_wrapper=OptimWrapper(sgd))


def steps(runner, number=3):
    """Losses of a few steps."""
    losses = []
    for seed in range(number):
        inputs = torch.rand(2, 1, 16, 24, generator=torch.Generator().manual_seed(seed))
        loss = runner.model(inputs).square().mean()
        runner.optim_wrapper.update_params(loss)
        losses.append(loss.item())
    return losses


def plain():
    return steps(runner_of(Net()))


@pytest.mark.parametrize(
    'settings',
    [
        dict(channels_last=True),
        dict(activation_checkpointing=True),
        dict(compile=dict(backend='aot_eager')),
        dict(channels_last=True, compile=dict(backend='aot_eager')),
    ],
)
def test_the_training_is_that_of_the_plain_model(settings):
    runner = runner_of(Net(), fused=True)
    hook = AccelerationHook(**settings)
    hook.before_train_epoch(runner)
    assert steps(runner) == pytest.approx(plain(), rel=1e-4)
    hook.after_train_epoch(runner)
    assert all(weight.is_contiguous() for weight in runner.model.parameters())


def test_channels_last():
    runner = runner_of(Net())
    AccelerationHook(channels_last=True).before_train_epoch(runner)
    features = runner.model.backbone(torch.rand(2, 1, 16, 24))
    assert features.is_contiguous(memory_format=torch.channels_last)


def test_what_learns_is_compiled_for_training_alone():
    seen = []

    def backend(graph, inputs):
        seen.append(tuple(inputs[-1].shape))
        return graph.forward

    model = Net()
    model.neck.requires_grad_(False)
    hook = AccelerationHook(channels_last=False, compile=dict(backend=backend))
    runner = runner_of(model)
    before = list(model.state_dict())
    hook.before_train_epoch(runner)
    assert model.data_preprocessor.pad_size_divisor == 192  # of 96 and 64
    assert torch.backends.cudnn.benchmark
    steps(runner, 2)
    assert len(seen) == 1  # the backbone, once
    assert list(model.state_dict()) == before
    hook.after_train_epoch(runner)
    assert model.data_preprocessor.pad_size_divisor == 96
    assert not torch.backends.cudnn.benchmark
    with torch.no_grad():
        model.eval()(torch.rand(1, 1, 40, 40))
    assert len(seen) == 1
    # in another stage other parts learn
    model.neck.requires_grad_(True)
    model.backbone.requires_grad_(False)
    hook.before_train_epoch(runner)
    model.train()
    steps(runner, 1)
    assert len(seen) == 2


def test_checkpointing_keeps_less():
    def kept(settings):
        runner = runner_of(Net())
        AccelerationHook(channels_last=False, **settings).before_train_epoch(runner)
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x: sizes.append(x.numel()) or x, lambda x: x
        ):
            runner.model(torch.rand(2, 1, 32, 32, requires_grad=True))
        return sum(sizes)

    assert kept(dict(activation_checkpointing=True)) < 0.7 * kept({})


def test_momenta_lie_as_their_weights():
    """A fused optimizer refuses those of a checkpoint with another layout."""
    runner = runner_of(Net(), fused=True)
    steps(runner, 1)
    state = runner.optim_wrapper.state_dict()
    other = runner_of(Net(), fused=True)
    other.optim_wrapper.load_state_dict(state)
    before = [
        v['momentum_buffer'].clone()
        for v in other.optim_wrapper.optimizer.state.values()
    ]
    AccelerationHook(channels_last=True).before_train_epoch(other)
    for (weight, values), value in zip(
        other.optim_wrapper.optimizer.state.items(), before
    ):
        assert values['momentum_buffer'].stride() == weight.stride()
        assert torch.equal(values['momentum_buffer'], value)
    steps(other, 1)


def test_a_validation_amid_an_epoch_is_of_the_plain_model():
    runner = runner_of(Net())
    hook = AccelerationHook()
    hook.before_train_epoch(runner)
    weight = runner.model.backbone[0].weight
    assert not runner.model.backbone[1].conv1.weight.is_contiguous()
    hook.before_val_epoch(runner)
    assert runner.model.backbone[1].conv1.weight.is_contiguous()
    hook.before_train_iter(runner, 5)
    assert not runner.model.backbone[1].conv1.weight.is_contiguous()
    assert runner.model.backbone[0].weight is weight


def test_several_optimisers():
    wrapper = OptimWrapperDict(
        a=runner_of(Net()).optim_wrapper, b=runner_of(Net()).optim_wrapper
    )
    align_optimizers(wrapper)


def test_compiling_and_checkpointing_exclude_each_other():
    with pytest.raises(ValueError, match='expected only one of them'):
        AccelerationHook(compile=True, activation_checkpointing=True)


@pytest.mark.parametrize(
    'settings, announced',
    [
        (dict(compile=dict(mode='reduce-overhead')), 2),
        (dict(compile=dict(mode='max-autotune')), 2),
        (dict(compile=True), 0),
        (dict(), 0),
    ],
)
def test_cuda_graphs_are_told_where_a_step_begins(settings, announced, monkeypatch):
    """Else a neck's backward pass begins one, and what the backbone kept is lost."""
    steps = []
    monkeypatch.setattr(
        torch.compiler, 'cudagraph_mark_step_begin', lambda: steps.append(1)
    )
    hook, runner = AccelerationHook(**settings), runner_of(Net())
    for number in range(2):
        hook.before_train_iter(runner, number)
    assert len(steps) == announced


def test_places_stay_in_float32_while_it_trains():
    from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor

    model = Net()
    model.extractor = SingleRoIExtractor(dict(type='RoIAlign', output_size=1), 4, [1])
    hook, runner = AccelerationHook(), runner_of(model)
    features, rois = (torch.rand(1, 4, 8, 8).bfloat16(),), torch.ones(1, 5) * 0.0
    hook.before_train_epoch(runner)
    assert model.extractor(features, rois).dtype == torch.float32
    hook.after_train_epoch(runner)
    assert model.extractor(features, rois).dtype == torch.bfloat16
