"""What a training step costs: operations by closed form, ways side by side."""

import re

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import nn

from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.apis.training_benchmark import (
    WARM_UP,
    Step,
    Way,
    build_in_training,
    calibrate,
    compare,
    count_operations,
    difference,
    made_batch,
    measure,
    ways,
)
from mammo_plugins.structures.multi_view_data_sample import views_of

CONFIG = """
default_scope = 'mammo'
model = dict(
    type='RetinaNet',
    data_preprocessor=dict(type='MammogramDataPreprocessor'),
    backbone=dict(
        type='ResNet', depth=18, base_channels=8, num_stages=2, out_indices=(0, 1),
        strides=(1, 2), dilations=(1, 1)),
    neck=dict(type='FPN', in_channels=[8, 16], out_channels=8, num_outs=2),
    bbox_head=dict(
        type='RetinaHead', num_classes=1, in_channels=8, feat_channels=8,
        stacked_convs=1,
        anchor_generator=dict(
            type='AnchorGenerator', scales=[1.], ratios=[1.], strides=[4, 8])),
    train_cfg=dict(
        assigner=dict(
            type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4, min_pos_iou=0),
        sampler=dict(type='PseudoSampler'), allowed_border=-1, pos_weight=-1),
    test_cfg=dict())
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01))
train_cfg = dict(max_epochs=1)
"""


@pytest.fixture(scope='module')
def cfg(tmp_path_factory):
    """A detector that takes milliseconds a step."""
    path = tmp_path_factory.mktemp('config') / 'small.py'
    path.write_text(CONFIG)
    return Config.fromfile(path)


class TwoConvolutions(BaseModel):
    """3 to 4 channels, and from these 5, at half the size."""

    def __init__(self):
        super().__init__()
        self.one = nn.Conv2d(3, 4, 3, padding=1)
        self.two = nn.Conv2d(4, 5, 1, stride=2)

    def forward(self, inputs, data_samples=None, mode='loss'):
        return dict(loss=self.two(self.one(torch.stack(inputs))).sum())


def test_operations_are_those_of_the_closed_form():
    """Two a product and its sum; of each layer forward, by weights and by inputs."""
    batch = dict(inputs=[torch.ones(3, 8, 6), torch.ones(3, 8, 6)])
    one = 2 * 2 * (8 * 6) * 4 * 3 * 3**2
    two = 2 * 2 * (4 * 3) * 5 * 4
    # nothing asks for the gradient of the images
    assert count_operations(TwoConvolutions(), batch) == 2 * one + 3 * two


def test_the_table(cfg):
    lines = []
    made = [*ways(['bf16'], compile=False), Way('no such', 'bf16', dict(no_such=1))]
    results = compare(cfg, (64, 32), 2, 2, 'cpu', made, show=lines.append)
    assert list(results) == ['fp32, plain', 'bf16', 'no such']
    title, head, *rows = lines
    model = build_in_training(cfg, 'cpu')
    operations = count_operations(model, made_batch((), (64, 32), 2))
    assert title.startswith(f'{cfg.filename}: 2 samples of 64 x 32, ')
    assert f' {operations / 1e12:.3g} TFLOP a step; CPU, torch ' in title
    assert re.split(r' {2,}', head.strip()) == (
        ['s a step', 'faster', 'GiB', 'TFLOP/s', 'of rate', 'first s', 'mean loss']
    )
    assert rows[2].startswith('  no such          failed: ')
    assert results['no such'] is None
    plain = results['fp32, plain']
    for name, row in zip(('fp32, plain', 'bf16'), rows):
        step = results[name]
        assert len(step.losses) == WARM_UP + 2 and np.isfinite(step.losses).all()
        assert row.startswith(f'  {name:16s} ')
        # a CPU has no rate to compare with
        seconds, faster, memory, speed, first, loss = row[19:].split()
        assert float(seconds) == pytest.approx(step.seconds, abs=1e-4)
        assert float(faster[:-1]) == pytest.approx(
            plain.seconds / step.seconds, abs=0.01
        )
        assert memory == '0.0'
        assert float(speed) == pytest.approx(operations / step.seconds / 1e12, rel=0.01)
        assert float(first) == pytest.approx(step.first, abs=0.1)
        assert float(loss[:-1]) / 100 == pytest.approx(
            difference(step, plain), abs=1e-4
        )
    # the same data and weights, in another number format
    assert 0 < abs(difference(results['bf16'], plain)) < 0.05


def test_the_first_steps_are_not_timed(cfg, monkeypatch):
    """The figure is the median of those after the warm-up."""
    times = iter([0, 9, 0, 8, 0, 7, 0, 1, 0, 2, 0, 6])
    monkeypatch.setattr('time.perf_counter', lambda: float(next(times)))
    batch = made_batch((), (64, 32), 1)
    step = measure(cfg, Way('plain', None, {}), [batch] * 6, 'cpu')
    assert (step.seconds, step.first) == (2, 9)


def test_ways():
    assert [way.name for way in ways(['bf16', 'fp16'], compile=True)] == [
        'fp32, plain',
        'bf16',
        'fp16',
        'bf16, compiled',
        'fp16, compiled',
    ]
    assert [way.settings for way in ways(['fp16'], compile=True)] == [
        {},
        {},
        dict(compile=True),
    ]


def test_difference_is_a_share():
    one, other = (Step(1.0, 1.0, 0, losses) for losses in ([1.0, 4.0], [1.0, 3.0]))
    assert difference(one, other) == pytest.approx(0.25)


@pytest.mark.parametrize('roles', [(), ('main', 'ipsilateral')])
def test_masses_of_made_batches(roles):
    batch = made_batch(roles, (200, 100), 5)
    assert len(batch['data_samples']) == 5
    if roles:
        assert tuple(batch['inputs']) == roles
    for sample in batch['data_samples']:
        views = views_of(sample)
        assert len(views) == max(1, len(roles))
        for view in views:
            boxes = view.gt_instances.bboxes
            sides = boxes[:, 2:] - boxes[:, :2]
            assert boxes.shape == (2, 4)
            assert (sides >= 0.03 * 200 - 1e-3).all()
            assert (sides <= 0.08 * 200 + 1e-3).all()
            # a pixel is of a mass where a box covers it, and nowhere else
            expected = np.zeros((1, 200, 100))
            for left, top, right, bottom in boxes.numpy().astype(int).clip(0):
                expected[:, top:bottom, left:right] = 1
            assert np.array_equal(view.gt_sem_seg.sem_seg, expected)


def test_statistics_are_those_of_the_batch(cfg):
    model = build_in_training(cfg, 'cpu')
    norm = model.backbone.bn1
    seen = []
    norm.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    before = norm.training, norm.momentum
    batch = model.data_preprocessor(made_batch((), (64, 32), 2), True)
    calibrate(model, lambda: model(**batch, mode='loss'))
    assert (norm.training, norm.momentum) == before
    (features,) = seen
    torch.testing.assert_close(norm.running_mean, features.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(norm.running_var, features.var(dim=(0, 2, 3)))


def test_what_is_no_detector_is_refused(tmp_path):
    path = tmp_path / 'classifier.py'
    path.write_text(
        "default_scope = 'mammo'\n"
        "model = dict(type='ImageClassifier', backbone=dict(type='mmpretrain.LeNet5'))"
    )
    with pytest.raises(ConfigError, match='classifier.py: model.type is ImageClass'):
        build_in_training(Config.fromfile(path), 'cpu')
