"""Number formats and kernels, by --precision and the config's ``acceleration``."""

import re

import pytest
import torch
from config_runs import CONFIGS
from mmengine.config import Config

from mammo_plugins.apis.acceleration import accelerate, best_precision, predict_in
from mammo_plugins.apis.config_loading import ConfigError


@pytest.fixture
def cfg():
    return Config(
        dict(
            optim_wrapper=dict(
                type='OptimWrapper',
                optimizer=dict(type='SGD', lr=0.1),
                clip_grad=dict(max_norm=1.0),
            ),
            train_cfg=dict(type='EpochBasedTrainLoop'),
        )
    )


def on_gpu(monkeypatch, bfloat16):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(
        torch.cuda,
        'is_bf16_supported',
        lambda including_emulation=True: including_emulation or bfloat16,
    )


def hooks(cfg):
    return [hook for name, hook in cfg.default_hooks.items() if name == 'acceleration']


@pytest.mark.skipif(torch.cuda.is_available(), reason='says what a CPU does')
def test_by_itself_a_cpu_trains_in_float32(cfg):
    accelerate(cfg)
    assert cfg.optim_wrapper.type == 'OptimWrapper'
    assert 'fused' not in cfg.optim_wrapper.optimizer
    assert cfg.acceleration.precision == 'auto'


@pytest.mark.parametrize(
    'bfloat16, precision, wrapper',
    [(True, 'bf16', 'mammo.BFloat16OptimWrapper'), (False, 'fp32', 'OptimWrapper')],
)
def test_by_itself_a_gpu_trains_in_what_it_has(
    cfg, monkeypatch, bfloat16, precision, wrapper
):
    on_gpu(monkeypatch, bfloat16)
    assert best_precision() == precision
    accelerate(cfg)
    assert cfg.optim_wrapper.type == wrapper
    assert cfg.optim_wrapper.clip_grad == dict(max_norm=1.0)


def test_the_command_line_goes_before_the_config(cfg, monkeypatch):
    on_gpu(monkeypatch, True)
    cfg.acceleration = dict(precision='fp16', pad_to=64)
    accelerate(cfg, 'fp32', compile=True)
    assert cfg.optim_wrapper.type == 'OptimWrapper'
    assert hooks(cfg) == [dict(type='mammo.AccelerationHook', pad_to=64, compile=True)]


def test_a_config_that_a_training_has_written(cfg, monkeypatch):
    on_gpu(monkeypatch, True)
    accelerate(cfg, 'fp16')
    accelerate(cfg, 'bf16')
    assert len(hooks(cfg)) == 1
    assert 'loss_scale' not in cfg.optim_wrapper


def test_a_config_written_on_another_machine(cfg, monkeypatch):
    with monkeypatch.context() as gpu:
        on_gpu(gpu, True)
        accelerate(cfg)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    accelerate(cfg)
    assert cfg.optim_wrapper.type == 'OptimWrapper'


@pytest.mark.parametrize(
    'optimizer, fused',
    [
        (dict(type='AdamW'), True),
        (dict(type='torch.Adam'), True),
        (dict(type='SGD'), None),
        (dict(type='Adam', foreach=True), None),
        (dict(type='Adam', fused=False), False),
    ],
)
def test_optimizers_that_are_fused(cfg, monkeypatch, optimizer, fused):
    on_gpu(monkeypatch, True)
    cfg.optim_wrapper.optimizer = optimizer
    accelerate(cfg)
    assert cfg.optim_wrapper.optimizer.get('fused') is fused


@pytest.mark.parametrize('kind', ['AmpOptimWrapper', 'ApexOptimWrapper'])
def test_once_more_changes_nothing(cfg, monkeypatch, kind):
    on_gpu(monkeypatch, True)
    cfg.optim_wrapper.type = kind
    accelerate(cfg)
    accelerate(cfg)
    assert cfg.optim_wrapper.type == kind


def test_a_wrapper_of_another_kind_is_left_alone_or_refused(cfg, monkeypatch):
    on_gpu(monkeypatch, True)
    cfg.optim_wrapper.type = 'ApexOptimWrapper'
    accelerate(cfg)
    assert cfg.optim_wrapper.type == 'ApexOptimWrapper'
    with pytest.raises(ConfigError, match='ApexOptimWrapper.*--precision bf16'):
        accelerate(cfg, 'bf16')


def test_mistakes(cfg):
    cfg.acceleration = dict(precision='half')
    with pytest.raises(ConfigError, match="acceleration.precision: 'half'.*bf16"):
        accelerate(cfg)


def test_stages_with_optimisers_of_their_own(monkeypatch):
    on_gpu(monkeypatch, True)
    cfg = Config.fromfile('configs/nafv/nafv-net_phantom.py')
    accelerate(cfg)
    for stage in cfg.train_cfg.stages.values():
        assert stage.optim_wrapper.type == 'mammo.BFloat16OptimWrapper'
        assert stage.optim_wrapper.optimizer.fused


@pytest.mark.parametrize('path', sorted(CONFIGS.rglob('*_phantom*.py')), ids=str)
def test_every_optimiser_of_a_shipped_config_is_reached(path, monkeypatch):
    on_gpu(monkeypatch, True)
    cfg = Config.fromfile(path)
    accelerate(cfg, 'bf16')
    assert 'OptimWrapper' in cfg.pretty_text
    assert not re.search(r"type='OptimWrapper'", cfg.pretty_text)


class Doubled(torch.nn.Linear):
    def forward(self, x):
        self.seen = super().forward(x)
        return [self.seen, 'text']


def test_a_model_predicts_in_half_precision():
    model = Doubled(2, 2)
    assert predict_in(model, 'fp32') == predict_in(model, 'auto') == 'fp32'
    exact, _ = model(torch.ones(1, 2))
    assert model.seen.dtype == exact.dtype == torch.float32
    assert predict_in(model, 'bf16') == 'bf16'
    found, text = model(torch.ones(1, 2))
    assert model.seen.dtype == torch.bfloat16
    assert found.dtype == torch.float32 and text == 'text'
    torch.testing.assert_close(found, exact, atol=0.02, rtol=0.02)


def test_number_formats_that_cannot_be():
    with pytest.raises(ConfigError, match='fp16.*float16 needs a GPU'):
        predict_in(Doubled(2, 2), 'fp16')
    with pytest.raises(ConfigError, match="precision: 'int8'; expected one of auto"):
        predict_in(Doubled(2, 2), 'int8')
