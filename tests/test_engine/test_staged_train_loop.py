import json
import uuid

import numpy as np
import pytest
import torch
from forked_tools import free_port
from mmengine.config import Config
from mmengine.hooks import Hook, IterTimerHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from staged_toys import (
    FRAME,
    Interrupted,
    StagedToy,
    StagedToyData,
    loader,
    settings,
    sgd,
    validation,
)

from mammo_plugins.anatomy import CanonicalFrame, transform_boxes
from mammo_plugins.engine.hooks import CheckpointCheckHook
from mammo_plugins.engine.loops import StageError, stages_of
from mammo_plugins.engine.loops.stage_hook import StageHook

TWO = dict(
    low=dict(max_epochs=2, trainable=['low']),
    all=dict(
        max_epochs=2,
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.1, end=1, convert_to_iter_based=True),
            dict(type='MultiStepLR', milestones=[1]),
        ],
    ),
)


@HOOKS.register_module(force=True)
class Witness(Hook):
    """Writes down what a training step sees."""

    priority = 'VERY_LOW'

    def __init__(self):
        self.steps, self.logged = [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        model = runner.model
        self.steps.append(
            dict(
                stage=getattr(getattr(runner.train_loop, 'stage', None), 'name', None),
                epoch=runner.epoch,
                iter=runner.iter,
                lr=runner.optim_wrapper.get_lr()['lr'][0],
                ids=data_batch['img_id'].tolist(),
                stale=any(p.grad is not None for p in model.parameters()),
                learns={n for n, p in model.named_parameters() if p.requires_grad},
                trains={n for n, m in model.named_modules() if m.training},
            )
        )

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.logged.append(
            {k for k in runner.message_hub.log_scalars if k.startswith('train/loss')}
        )

    def after_run(self, runner):
        runner.witness = self


def make(work_dir, stages, *hooks, **kwargs):
    cfg = settings(
        work_dir,
        stages,
        custom_hooks=[dict(type='Witness'), *hooks],
        experiment_name=uuid.uuid4().hex,
        **kwargs,
    )
    return Runner.from_cfg(Config(cfg))


def train(*args, **kwargs):
    runner = make(*args, **kwargs)
    runner.train()
    return runner


def load(path):
    return torch.load(path, weights_only=False)


def state(runner):
    return {name: value.clone() for name, value in runner.model.state_dict().items()}


def assert_same(a, b):
    """Compare two runs' ends bit by bit: weights, optimizer and schedules."""
    for one, other in ((a.model, b.model), (a.optim_wrapper, b.optim_wrapper)):
        assert _plain(one.state_dict()) == _plain(other.state_dict())
    for one, other in zip(a.param_schedulers, b.param_schedulers, strict=True):
        assert one.state_dict() == other.state_dict()
    assert (a.epoch, a.iter) == (b.epoch, b.iter)


def _plain(value):
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.numpy().tobytes() if torch.is_tensor(value) else value


def test_two_stages_are_what_a_plain_loop_does(tmp_path):
    """Weights equal those of PyTorch alone, with gradients accumulated."""
    stages = dict(
        low=dict(max_epochs=1, trainable=['low'], optim_wrapper=sgd(0.05)),
        rest=dict(
            max_epochs=2,
            trainable=['mid', 'head'],
            optim_wrapper=sgd(0.2, accumulative_counts=2),
            train_dataloader=loader(20, seed=3),
        ),
    )
    runner = train(tmp_path, stages, train_dataloader=loader(12))
    steps = runner.witness.steps

    model = StagedToy()

    def fit(stage, parts, data, lr, every):
        model.start_stage(stage)
        model.eval()
        parameters = []
        for part in parts:
            getattr(model, part).train()
            parameters += getattr(model, part).parameters()
        optimiser = torch.optim.SGD(parameters, lr=lr, momentum=0.9)
        batches = [s['ids'] for s in steps if s['stage'] == stage]
        full = len(batches) - len(batches) % every
        for k, ids in enumerate(batches):
            output = model.output(data.points[ids])
            loss = (output - data.targets[ids]).square().mean()
            (loss / (every if k < full else len(batches) - full)).backward()
            if (k + 1) % every == 0 or k + 1 == len(batches):
                optimiser.step()
                optimiser.zero_grad()

    fit('low', ['low'], StagedToyData(12), 0.05, 1)
    fit('rest', ['mid', 'head'], StagedToyData(20, seed=3), 0.2, 2)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(runner.model.state_dict()[name], value)
    assert [s['stage'] for s in steps] == ['low'] * 3 + ['rest'] * 10
    assert [s['epoch'] for s in steps] == [0] * 3 + [1] * 5 + [2] * 5
    assert [s['iter'] for s in steps] == list(range(13))
    assert sorted(p.name for p in tmp_path.glob('*.pth')) == [
        'epoch_1.pth',
        'epoch_2.pth',
        'epoch_3.pth',
    ]


def test_what_is_not_trained_rests(tmp_path):
    stages = dict(
        one=dict(max_epochs=1, trainable=['mid.1', 'head']),
        two=dict(max_epochs=1, trainable=['low']),
    )
    fresh = StagedToy().state_dict()
    runner = make(tmp_path, stages)
    runner.model.head.weight.requires_grad_(False)  # by the model's own config
    runner.train()
    first, second = runner.witness.steps[0], runner.witness.steps[-1]
    assert first['learns'] == {'mid.1.weight', 'mid.1.bias', 'head.bias'}
    assert {'', 'mid', 'mid.1', 'head'} <= first['trains']
    assert not {'mid.0', 'mid.2', 'low', 'low.1'} & first['trains']
    assert second['learns'] == {
        f'low.{i}.{n}' for i in (0, 1) for n in ('weight', 'bias')
    }
    after_one = load(tmp_path / 'epoch_1.pth')['state_dict']
    after_two = state(runner)
    changed = {n for n in fresh if not torch.equal(fresh[n], after_one[n])}
    assert changed == {
        'mid.1.weight',
        'mid.1.bias',
        'mid.1.running_mean',
        'mid.1.running_var',
        'mid.1.num_batches_tracked',
        'head.bias',
    }
    changed = {n for n in fresh if not torch.equal(after_one[n], after_two[n])}
    assert changed == {n for n in fresh if n.startswith('low.')}
    assert runner.model.told == ['one', 'two', None]
    assert {n for n, p in runner.model.named_parameters() if not p.requires_grad} == {
        'head.weight'
    }


def test_schedules_are_of_the_stage(tmp_path):
    stages = dict(
        warm=dict(
            max_epochs=2,
            trainable=['low'],
            param_scheduler=dict(type='LinearLR', start_factor=0.25, by_epoch=False),
        ),
        step=dict(
            max_epochs=3,
            optim_wrapper=sgd(1.0),
            param_scheduler=[dict(type='MultiStepLR', milestones=[1, 2])],
        ),
        fixed=dict(
            max_epochs=1,
            param_scheduler=None,
            train_dataloader=dict(batch_size=6),
            auto_scale_lr=dict(base_batch_size=2),
        ),
    )
    runner = train(
        tmp_path,
        stages,
        param_scheduler=dict(type='MultiStepLR', milestones=[1]),
        auto_scale_lr=dict(enable=True, base_batch_size=4),
    )
    lrs = [s['lr'] for s in runner.witness.steps]
    np.testing.assert_allclose(
        lrs,
        [0.1 * (0.25 + 0.75 * i / 5) for i in range(6)]
        + [1.0] * 3
        + [0.1] * 3
        + [0.01] * 3
        + [0.3] * 2,
    )


def test_the_default_schedule_is_the_top_level_one(tmp_path):
    stages = dict(a=dict(max_epochs=2), b=dict(max_epochs=2))
    runner = train(
        tmp_path, stages, param_scheduler=dict(type='MultiStepLR', milestones=[1])
    )
    np.testing.assert_allclose(
        [s['lr'] for s in runner.witness.steps], ([0.1] * 3 + [0.01] * 3) * 2
    )


def test_a_stage_says_what_differs(tmp_path):
    """Data and optimizer are merged over the top-level ones."""
    stages = dict(
        a=dict(
            max_epochs=1,
            optim_wrapper=dict(optimizer=dict(lr=0.5)),
            train_dataloader=dict(batch_size=6),
        ),
        b=dict(
            max_epochs=1,
            optim_wrapper=dict(optimizer=dict(_delete_=True, type='Adam', lr=0.25)),
            train_dataloader=dict(dataset=dict(length=4)),
        ),
    )
    a, b = list(stages_of(Config(settings(tmp_path, stages))))
    assert a.optim_wrapper['optimizer'] == dict(type='SGD', lr=0.5, momentum=0.9)
    assert b.optim_wrapper['optimizer'] == dict(type='Adam', lr=0.25)
    runner = train(tmp_path, stages)
    assert [(s['lr'], len(s['ids'])) for s in runner.witness.steps] == [
        (0.5, 6),
        (0.5, 6),
        (0.25, 4),
    ]


def test_one_stage_is_plain_training(tmp_path):
    schedule = [dict(type='CosineAnnealingLR', convert_to_iter_based=True)]
    plain = train(
        tmp_path / 'a',
        {},
        param_scheduler=schedule,
        train_cfg=dict(by_epoch=True, max_epochs=3),
        **validation(),
    )
    staged = train(
        tmp_path / 'b',
        dict(all=dict(max_epochs=3)),
        param_scheduler=schedule,
        **validation(),
    )
    assert [s['ids'] for s in plain.witness.steps] == [
        s['ids'] for s in staged.witness.steps
    ]
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, staged.model.state_dict()[name])


ADAM = dict(
    type='OptimWrapper',
    clip_grad=dict(max_norm=1, type='norm'),
    optimizer=dict(type='AdamW', lr=0.05),
)


@pytest.mark.parametrize('optim_wrapper', [sgd(), ADAM], ids=['sgd', 'adamw'])
@pytest.mark.parametrize(
    'point, epoch, batch',
    [
        ('before_train_iter', 1, 1),
        ('before_train_epoch', 2, 0),
        ('before_train_iter', 3, 2),
    ],
    ids=['in the first', 'between', 'in the second'],
)
def test_resumed_is_uninterrupted(tmp_path, point, epoch, batch, optim_wrapper):
    kwargs = dict(optim_wrapper=optim_wrapper)
    whole = train(tmp_path / 'whole', TWO, **kwargs)
    with pytest.raises(Interrupted):
        train(
            tmp_path / 'cut',
            TWO,
            dict(type='InterruptAt', point=point, epoch=epoch, batch=batch),
            **kwargs,
        )
    resumed = train(tmp_path / 'cut', TWO, resume=True, **kwargs)
    assert resumed.witness.steps[0]['epoch'] == epoch
    assert_same(whole, resumed)
    tail = whole.witness.steps[epoch * 3 :]
    assert [(s['ids'], s['lr']) for s in tail] == [
        (s['ids'], s['lr']) for s in resumed.witness.steps
    ]
    assert whole.max_epochs == resumed.max_epochs == 4
    assert whole.max_iters == resumed.max_iters == 12


def test_resumed_with_mixed_precision(tmp_path, monkeypatch):
    """bfloat16 on the CPU, where MMEngine's wrapper asks for a GPU only to refuse."""
    monkeypatch.setattr(
        'mmengine.optim.optimizer.amp_optimizer_wrapper.is_cuda_available', lambda: True
    )
    amp = dict(optim_wrapper=sgd(type='AmpOptimWrapper', dtype='bfloat16'))
    whole = train(tmp_path / 'whole', TWO, **amp)
    plain = train(tmp_path / 'plain', TWO)
    assert not torch.equal(whole.model.head.weight, plain.model.head.weight)
    with pytest.raises(Interrupted):
        train(
            tmp_path / 'cut',
            TWO,
            dict(type='InterruptAt', point='before_train_iter', epoch=3),
            **amp,
        )
    assert_same(whole, train(tmp_path / 'cut', TWO, resume=True, **amp))


PLATEAU = dict(
    low=dict(
        max_epochs=9,
        val_interval=1,
        trainable=['low'],
        param_scheduler=dict(
            type='ReduceOnPlateauLR', monitor='toy/error', patience=0, factor=0.5
        ),
    ),
    all=dict(max_epochs=4, val_interval=1),
)
# better, worse, worse: the stage ends after its third epoch, and so on
SERIES = [5.0, 6.0, 7.0, 9.0, 8.0, 10.0, 11.0]


@pytest.mark.parametrize(
    'point, epoch',
    [
        ('before_train_iter', 1),
        ('before_val', 2),
        ('before_val', 3),
        ('before_train_iter', 3),
        ('before_train_iter', 5),
    ],
)
def test_resumed_with_patience(tmp_path, point, epoch):
    """Plateaus, early stopping and best checkpoints, killed around validation."""

    def go(folder, *hooks, series=SERIES, **kwargs):
        return train(
            tmp_path / folder,
            PLATEAU,
            dict(
                type='EarlyStoppingHook',
                monitor='toy/error',
                rule='less',
                patience=2,
                min_delta=0.0,
            ),
            *hooks,
            default_hooks=dict(
                checkpoint=dict(
                    type='CheckpointHook',
                    interval=1,
                    save_best='toy/error',
                    rule='less',
                )
            ),
            **validation(list(series)),
            **kwargs,
        )

    whole = go('whole')
    steps = [s['stage'] for s in whole.witness.steps[::3]]
    assert steps == ['low'] * 3 + ['all'] * 4
    with pytest.raises(Interrupted):
        go('cut', dict(type='InterruptAt', point=point, epoch=epoch))
    # a validation that had been begun or not been saved with is done again
    saved = load(tmp_path / f'cut/epoch_{epoch}.pth')
    done = epoch - saved['stage']['to_validate']
    resumed = go('cut', series=SERIES[done:], resume=True)
    assert_same(whole, resumed)
    tail = whole.witness.steps[epoch * 3 :]
    assert [(s['stage'], s['lr'], s['ids']) for s in tail] == [
        (s['stage'], s['lr'], s['ids']) for s in resumed.witness.steps
    ]
    best = ['best_toy_error_epoch_1.pth', 'best_toy_error_epoch_5.pth']
    for folder in ('whole', 'cut'):
        assert sorted(p.name for p in (tmp_path / folder).glob('best*')) == best


@pytest.mark.parametrize(
    'cut',
    [
        None,
        ('before_val', 1),
        ('before_val', 2),
        ('before_train_iter', 3),
        ('before_train_iter', 4),
    ],
)
def test_a_stage_goes_on_from_the_best_weights(tmp_path, cut):
    """By a metric that is its own; the next stage has the top-level one."""
    scores = [1.0, 3.0, 2.0]

    def go(skip=0, *hooks, **kwargs):
        stages = dict(
            low=dict(
                max_epochs=3,
                val_interval=1,
                save_best='first/error',
                val_evaluator=dict(
                    type='StagedToyMetric',
                    prefix='first',
                    series=scores[skip:] or [9.0],
                ),
            ),
            all=dict(max_epochs=2, optim_wrapper=sgd(lr=0.0)),
        )
        return train(tmp_path, stages, *hooks, **validation([5.0]), **kwargs)

    if cut is None:
        runner = go()
    else:
        point, epoch = cut
        with pytest.raises(Interrupted):
            go(0, dict(type='InterruptAt', point=point, epoch=epoch))
        saved = load(tmp_path / f'epoch_{epoch}.pth')['stage']
        runner = go(epoch - saved['to_validate'], resume=True)
    best = [path.name for path in tmp_path.glob('best*')]
    assert best == ['best_first_error_epoch_2.pth']
    kept = load(tmp_path / best[0])['state_dict']
    last = load(tmp_path / 'epoch_3.pth')['state_dict']
    found = dict(runner.model.named_parameters())
    assert any(not torch.equal(kept[name], last[name]) for name in found)
    assert all(torch.equal(found[name], kept[name]) for name in found)
    assert runner.val_loop.evaluator.metrics[0].prefix == 'toy'


def test_best_weights_want_a_validation(tmp_path):
    with pytest.raises(StageError, match='save_best: there is no validation'):
        train(tmp_path, dict(low=dict(max_epochs=1, save_best='toy/error')))


@pytest.mark.parametrize(
    'settings, said',
    [
        (
            dict(save_best='toy/recall', val_interval=1),
            'has no toy/recall; it has toy/error',
        ),
        (
            dict(save_best='toy/error', val_begin=5),
            'no validation has given a toy/error',
        ),
    ],
)
def test_best_weights_that_cannot_be(tmp_path, settings, said):
    with pytest.raises(StageError, match=said):
        train(tmp_path, dict(low=dict(max_epochs=1, **settings)), **validation())


def test_early_stopping_ends_the_stage(tmp_path):
    stages = dict(
        low=dict(max_epochs=9, val_interval=1, trainable=['low']),
        all=dict(max_epochs=3, val_interval=1),
    )
    runner = train(
        tmp_path,
        stages,
        dict(
            type='EarlyStoppingHook',
            monitor='toy/error',
            rule='less',
            patience=1,
            min_delta=0.0,
        ),
        optim_wrapper=sgd(accumulative_counts=4),
        **validation([1.0, 2.0, 50.0, 40.0, 30.0]),
    )
    assert [s['stage'] for s in runner.witness.steps[::3]] == ['low'] * 2 + ['all'] * 3
    assert runner.epoch == runner.max_epochs == 5
    assert runner.iter == runner.max_iters == 15
    # of four gradients to accumulate two were there when the stage ended
    assert runner.witness.steps[5]['stale'] and not runner.witness.steps[6]['stale']
    (timer,) = [h for h in runner.hooks if isinstance(h, IterTimerHook)]
    assert timer.start_iter == 6


def test_validation_is_at_the_end_of_a_stage(tmp_path):
    stages = dict(
        a=dict(max_epochs=2),
        b=dict(max_epochs=5, val_interval=2),
        c=dict(max_epochs=2, val_begin=3),
        d=dict(max_epochs=3, val_begin=2, val_interval=1),
    )
    runner = train(tmp_path, stages, **validation())
    lines = [
        json.loads(line)
        for log in tmp_path.glob('*/vis_data/scalars.json')
        for line in log.read_text().splitlines()
    ]
    assert [x['step'] for x in lines if 'toy/error' in x] == [2, 4, 6, 7, 11, 12]
    assert runner.epoch == 12
    # the log holds the losses of the stage alone
    assert all(
        len([k for k in x if k.startswith('loss_')]) == 1 for x in lines if 'loss' in x
    )


def test_stages_of_no_epochs_are_skipped(tmp_path):
    stages = dict(
        low=dict(max_epochs=0, trainable=['low']),
        head=dict(max_epochs=1, trainable=['head']),
    )
    runner = train(tmp_path, stages)
    assert runner.model.told == ['head', None]
    assert runner.max_epochs == 1


def test_the_log_names_the_stage(tmp_path, capsys):
    train(
        tmp_path,
        dict(skipped=dict(max_epochs=0), head=dict(max_epochs=1, trainable=['head'])),
        log_level='INFO',
    )
    assert 'stage 2/2 head: 1 epochs from 1, trains head' in ''.join(
        capsys.readouterr()
    )


WITH_DETECTIONS = dict(
    low=dict(max_epochs=1, trainable=['low']),
    last=dict(
        max_epochs=2,
        trainable=['head'],
        detections=dict(
            dataloader=dict(batch_size=2, dataset=dict(length=5)),
            out_file='detections/train.json',
        ),
    ),
)


def test_detections_of_the_model_so_far(tmp_path):
    runner = train(tmp_path, WITH_DETECTIONS)
    assert runner.model.told == ['low', 'low', 'last', None]
    images = json.loads((tmp_path / 'detections/train.json').read_text())['images']
    assert [im['img_id'] for im in images] == list(range(5))
    model = StagedToy().eval()
    model.load_state_dict(load(tmp_path / 'epoch_1.pth')['state_dict'])
    model.start_stage('low')
    boxes = transform_boxes(
        [[2, 4, 12, 14]], np.linalg.inv(CanonicalFrame.from_dict(FRAME).matrix)
    )
    for i, image in enumerate(images):
        # the box without a width is dropped
        (detection,) = image['detections']
        np.testing.assert_allclose(detection['bbox'], boxes[0])
        score = model.output(StagedToyData(5).points[i : i + 1]).item()
        assert detection['score'] == pytest.approx(score, abs=1e-6)
    shift = sum(im['detections'][0]['score'] for im in images)
    torch.testing.assert_close(
        runner.train_dataloader.dataset.points, StagedToyData(12).points + shift
    )
    # how long the last stage is was not known before
    assert runner.max_iters == 9


@pytest.mark.parametrize('missing', [False, True])
def test_resumed_with_detections(tmp_path, missing):
    with pytest.raises(Interrupted):
        train(
            tmp_path,
            WITH_DETECTIONS,
            dict(type='InterruptAt', point='before_train_epoch', epoch=2),
        )
    path = tmp_path / 'detections/train.json'
    before = path.read_text()
    path.unlink() if missing else path.write_text(before.replace('stage', 'mark'))
    runner = train(tmp_path, WITH_DETECTIONS, resume=True)
    assert runner.model.told == (['low'] if missing else []) + ['last', None]
    assert ('mark' in path.read_text()) != missing


def test_iteration_checkpoints(tmp_path):
    """MMEngine starts the epoch again; so do we, in the right stage."""
    hooks = dict(
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=1, by_epoch=False)
        )
    )
    accumulating = dict(optim_wrapper=sgd(accumulative_counts=2))
    with pytest.raises(Interrupted):
        train(
            tmp_path,
            TWO,
            dict(type='InterruptAt', point='before_train_iter', epoch=2, batch=2),
            **hooks,
            **accumulating,
        )
    runner = train(tmp_path, TWO, resume=True, **hooks, **accumulating)
    steps = runner.witness.steps
    assert [(s['stage'], s['epoch']) for s in steps] == [('all', 2)] * 3 + [
        ('all', 3)
    ] * 3
    assert steps[0]['iter'] == 8 and runner.iter == runner.max_iters == 14


def test_averaged_weights_go_on_over_stages(tmp_path):
    runner = train(tmp_path, TWO, dict(type='EMAHook', momentum=0.5))
    raw = load(tmp_path / 'epoch_4.pth')
    assert not torch.equal(raw['state_dict']['head.weight'], runner.model.head.weight)
    assert torch.equal(
        raw['ema_state_dict']['module.head.weight'], runner.model.head.weight
    )


def test_the_order_survives_a_written_config(tmp_path, monkeypatch):
    monkeypatch.undo()
    Config(settings(tmp_path, TWO)).dump(tmp_path / 'a.py')
    cfg = Config.fromfile(tmp_path / 'a.py')
    assert list(cfg.train_cfg.stages) == ['all', 'low']  # MMEngine sorts
    assert [stage.name for stage in stages_of(cfg)] == ['low', 'all']


@pytest.mark.parametrize(
    'order, said',
    [
        (
            ['low'],
            'train_cfg.stages.all: no such stage; there are low .*max_epochs to 0',
        ),
        (['low', 'all', 'low'], "'low' appears 2 times"),
        (
            ['low', 'al', 'all'],
            "train_cfg.order: 'al' is not in train_cfg.stages; there are "
            'low, all; did you mean all',
        ),
        ('low', "train_cfg.order: 'low'; expected the names"),
        ([['low'], 'all'], 'expected the names'),
        (3, 'order: 3; expected the names'),
    ],
)
def test_mistakes_in_the_order(tmp_path, order, said):
    cfg = settings(tmp_path, TWO)
    cfg['train_cfg']['order'] = order
    with pytest.raises(StageError, match=said):
        stages_of(cfg)


@pytest.mark.parametrize(
    'stages, said',
    [
        ({}, 'nothing to train'),
        (dict(a=dict(max_epochs=0)), 'nothing to train'),
        (dict(a=dict(max_epoch=1)), r'stages.a.max_epoch: .*did you mean max_epochs'),
        (
            dict(a=dict(max_epochs=1, trainable=['haed'])),
            r"stages.a.trainable: 'haed'.*did you mean head",
        ),
        (dict(a=dict(max_epochs=1, trainable=['xyz'])), 'it has .*low, mid, head'),
        (dict(a=dict(max_epochs=1, trainable=['low.2'])), 'can be trained'),
        (dict(a=dict(max_epochs=1, trainable='low')), 'expected a list'),
        (dict(a=dict(max_epochs='2')), 'stages.a.max_epochs'),
        (dict(a=dict(trainable=['low'])), 'stages.a.max_epochs: missing'),
        (dict(a=dict(max_epochs=1, val_interval=0)), 'stages.a.val_interval'),
        (
            dict(
                a=dict(max_epochs=1, train_dataloader=dict(_delete_=True, batch_size=2))
            ),
            'train_dataloader: no dataset with a type',
        ),
        (
            dict(
                a=dict(
                    max_epochs=1,
                    optim_wrapper=dict(optimizer=dict(_delete_=True, lr=1)),
                )
            ),
            'stages.a.optim_wrapper: no optimizer with a type',
        ),
        (
            dict(a=dict(max_epochs=1, detections=dict(outfile='a'))),
            'stages.a.detections.outfile: .*did you mean out_file',
        ),
    ],
)
def test_mistakes(tmp_path, stages, said):
    with pytest.raises(StageError, match=said):
        train(tmp_path, stages)


def test_resuming_what_was_not_staged(tmp_path):
    train(tmp_path, {}, train_cfg=dict(by_epoch=True, max_epochs=1))
    with pytest.raises(StageError, match='not written by training in stages'):
        train(tmp_path, TWO, resume=True)


@pytest.mark.parametrize(
    'before, after, said',
    [
        (['old'], ['low', 'all'], 'of the stages old .* saved in old.*trains low, all'),
        # it would go on in the last one and leave new untrained
        (
            ['low', 'all'],
            ['low', 'new', 'all'],
            'of the stages low, all .*low, new, all',
        ),
        (['low', 'all'], ['new', 'low', 'all'], 'trains new, low, all'),
        (['low', 'all'], ['all', 'low'], 'trains all, low'),
        (['low', 'all'], ['all'], 'of the stages low, all .*trains all;'),
        # a stage that was skipped
        (['all'], ['low', 'all'], 'of the stages all .*trains low, all'),
        (['low', 'all'], ['low', 'all'], None),
    ],
)
def test_resuming_other_stages(tmp_path, before, after, said):
    one = dict(max_epochs=1)
    train(tmp_path, dict.fromkeys(before, one))
    if said is None:
        train(tmp_path, dict.fromkeys(after, one), resume=True)
        return
    skipped = {'low': dict(max_epochs=0)} if after == ['all'] else {}
    with pytest.raises(StageError, match=said):
        train(tmp_path, {**skipped, **dict.fromkeys(after, one)}, resume=True)


def test_resuming_a_checkpoint_that_tells_the_later_stages_alone(tmp_path):
    """As they were written before the list of all was kept."""
    train(tmp_path, dict(low=dict(max_epochs=1), all=dict(max_epochs=1)))
    old = load(tmp_path / 'epoch_1.pth')
    del old['stage']['stages']
    torch.save(old, tmp_path / 'old.pth')
    again = dict(resume=True, load_from=str(tmp_path / 'old.pth'))
    train(tmp_path, dict(low=dict(max_epochs=1), all=dict(max_epochs=1)), **again)
    with pytest.raises(StageError, match='low, all .*trains low, new'):
        train(tmp_path, dict(low=dict(max_epochs=1), new=dict(max_epochs=1)), **again)


@pytest.mark.parametrize(
    'change',
    [
        dict(name=3),
        dict(stages=float('nan')),
        dict(later=None),
        dict(metrics=[1]),
        dict(begin_epoch=-1),
        dict(early_stopping=torch.ones(2, 3)),
        dict(to_validate='x'),
        dict(stages=torch.ones(2, 2)),
    ],
)
def test_resuming_a_stage_that_cannot_be_read(change):
    stage = dict(
        name='low',
        stages=['low'],
        later=[],
        begin_epoch=0,
        to_validate=True,
        metrics=None,
        early_stopping=[(1, float('inf'))],
    )
    StageHook._check_stage(stage)
    with pytest.raises(StageError, match='unreadable stage'):
        StageHook._check_stage({**stage, **change})


def test_resuming_a_stage_that_is_shorter_now(tmp_path):
    train(tmp_path, dict(low=dict(max_epochs=3)))
    with pytest.raises(StageError, match='low.max_epochs: 2, but .* after 3 epochs'):
        train(tmp_path, dict(low=dict(max_epochs=2)), resume=True)


@pytest.mark.parametrize('stage', ['low', 'all'])
def test_data_without_a_batch(tmp_path, stage):
    """Of a later stage it shows at once too."""
    stages = {name: dict(max_epochs=1) for name in ('low', 'all')}
    stages[stage]['train_dataloader'] = dict(batch_size=1000, drop_last=True)
    with pytest.raises(
        StageError,
        match=f'stages.{stage}.train_dataloader: .* samples '
        'make no batch of 1000 with drop_last=True',
    ):
        train(tmp_path, stages)
    assert not list(tmp_path.glob('*.pth'))


def test_starting_from_weights(tmp_path):
    train(tmp_path / 'a', dict(low=dict(max_epochs=1, trainable=['low'])))
    path = tmp_path / 'a/epoch_1.pth'
    runner = train(
        tmp_path / 'b',
        dict(head=dict(max_epochs=1, trainable=['head'])),
        load_from=str(path),
    )
    assert torch.equal(
        load(path)['state_dict']['low.0.weight'], runner.model.low[0].weight
    )
    assert runner.witness.steps[0]['iter'] == 0


@pytest.mark.parametrize(
    'epoch, training, said',
    [(1, None, True), (2, None, True), (3, None, False), (1, 'begun', False)],
)
def test_weights_from_before_the_last_stage_are_warned_of(
    tmp_path, monkeypatch, epoch, training, said
):
    runner = train(
        tmp_path,
        dict(low=dict(max_epochs=2, trainable=['low']), all=dict(max_epochs=1)),
    )
    messages = []
    monkeypatch.setattr(
        'mammo_plugins.engine.checkpoint.print_log',
        lambda message, **_: messages.append(message),
    )
    if training is None:
        runner._train_loop = None  # a test
    runner._resume, runner._load_from = True, f'epoch_{epoch}.pth'
    CheckpointCheckHook().after_load_checkpoint(
        runner, load(tmp_path / f'epoch_{epoch}.pth')
    )
    assert len(messages) == said
    if said:
        assert f'epoch_{epoch}.pth: saved in the stage low, before all' in messages[0]


@pytest.mark.skipif(
    torch.cuda.is_available(), reason='the launcher takes GPUs where there are any'
)
def test_two_processes(tmp_path, start_tool):
    """Each stage's reducer knows the stage's parameters; resumed as in one."""
    stages = dict(
        low=dict(max_epochs=2, trainable=['low']),
        last=dict(
            max_epochs=2,
            trainable=['mid', 'head'],
            val_interval=1,
            detections=WITH_DETECTIONS['last']['detections'],
        ),
    )

    def launch(folder, *arguments, **kwargs):
        cfg = settings(tmp_path, stages, **validation(), **kwargs)
        (tmp_path / f'{folder}.json').write_text(json.dumps(cfg))
        # as the launcher starts them, whose own test is in test_train_and_test.py
        port = free_port()
        processes = [
            start_tool(
                'tools/train.py',
                tmp_path / f'{folder}.json',
                '--launcher',
                'pytorch',
                '--work-dir',
                tmp_path / folder,
                *arguments,
                RANK=rank,
                LOCAL_RANK=rank,
                WORLD_SIZE='2',
                MASTER_ADDR='127.0.0.1',
                MASTER_PORT=port,
            )
            for rank in '01'
        ]
        return [process.wait(timeout=120) for process in processes]

    whole = launch('whole', log_level='INFO')
    assert [each.returncode for each in whole] == [0, 0], whole[0].stderr[-3000:]
    assert 'stage 2/2 last' in whole[0].stdout + whole[0].stderr
    images = json.loads((tmp_path / 'whole/detections/train.json').read_text())[
        'images'
    ]
    assert [im['img_id'] for im in images] == list(range(5))
    cut = launch(
        'cut',
        custom_hooks=[dict(type='InterruptAt', point='before_train_epoch', epoch=3)],
    )
    assert all('Interrupted' in each.stderr for each in cut)
    assert not (tmp_path / 'cut/epoch_4.pth').exists()
    resumed = launch('cut', '--resume')
    assert [each.returncode for each in resumed] == [0, 0], resumed[0].stderr[-3000:]
    for each in resumed:
        assert 'just skip resuming' not in each.stdout + each.stderr
    ends = [load(tmp_path / folder / 'epoch_4.pth') for folder in ('whole', 'cut')]
    assert ends[0]['meta']['iter'] == 2 * 2 + 2 * 2  # 12 samples, 2 x 4 a step
    assert _plain(ends[0]['state_dict']) == _plain(ends[1]['state_dict'])
    assert _plain(ends[0]['optimizer']) == _plain(ends[1]['optimizer'])
