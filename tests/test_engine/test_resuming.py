"""A training goes on from data alone, in its own folder."""

import copy

import pytest
import torch
from mmengine.logging import HistoryBuffer, MessageHub, MMLogger
from mmengine.optim import OptimWrapper
from mmengine.optim.scheduler import LinearLR, MultiStepLR, ReduceOnPlateauLR
from torch import nn

from mammo_plugins.engine.checkpoint import CheckpointError
from mammo_plugins.engine.resuming import (
    check_training_state,
    checkpoint_folders,
    prepare_resuming,
)


def saved(**info):
    return dict(
        meta=dict(epoch=1, iter=3),
        optimizer={},
        message_hub=dict(
            log_scalars={'train/loss': HistoryBuffer([1.0, 2.0], [1, 1])},
            runtime_info=info,
            resumed_keys={},
        ),
    )


def test_code_is_dropped(tmp_path):
    checkpoint = saved()
    checkpoint['meta']['config'] = 'raise SystemExit'
    assert prepare_resuming(checkpoint, [str(tmp_path)], 'a.pth') == []
    assert checkpoint['meta'] == dict(epoch=1, iter=3)


def test_a_function_in_a_history_is_not_called(tmp_path):
    checkpoint = saved()
    history = checkpoint['message_hub']['log_scalars']['train/loss']
    history._statistics_methods = dict(mean=lambda *_: 1 / 0)
    prepare_resuming(checkpoint, [str(tmp_path)], 'a.pth')
    assert history.statistics('mean') == 1.5


@pytest.mark.parametrize(
    'name, own',
    [
        ('{here}/best_a.pth', True),
        ('/gone/best_a.pth', True),
        ('best_a.pth', True),
        ('{here}/../bait/best_b.pth', False),
        ('../bait/best_b.pth', False),
        ('{bait}/best_b.pth', False),
        ('{bait}', False),
        ('{here}/note.txt', False),
        ('{here}/epoch_1.pth', False),
        ('{here}/..', False),
        ('', False),
        ('x' * 5000, False),
        ('best_\0', False),
        ('http://host.invalid/best_c.pth', False),
    ],
)
def test_best_checkpoints_are_of_the_own_folder(tmp_path, name, own):
    here, bait = tmp_path / 'here', tmp_path / 'bait'
    for path in (
        here / 'best_a.pth',
        here / 'note.txt',
        here / 'epoch_1.pth',
        bait / 'best_b.pth',
    ):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    checkpoint = saved(best_ckpt=name.format(here=here, bait=bait), best_score=0.5)
    warnings = prepare_resuming(checkpoint, [str(here)], 'a.pth')
    info = checkpoint['message_hub']['runtime_info']
    if own:
        assert info == dict(best_ckpt=str(here / 'best_a.pth'), best_score=0.5)
        assert not warnings
    else:
        assert info == {}
        assert 'is searched for again' in warnings[0]


@pytest.mark.parametrize(
    'keys',
    [
        {},
        {'train/loss': 'x'},
        {'train/loss': torch.ones(2)},
        {'best_score': False},
        {'unknown': True},
    ],
)
def test_what_is_resumed_is_what_there_is(tmp_path, keys):
    """A flag of the file's own would stop MMEngine's next update of that value."""
    checkpoint = saved(best_score=0.5)
    checkpoint['message_hub']['resumed_keys'] = keys
    prepare_resuming(checkpoint, [str(tmp_path)], 'a.pth')
    hub = MessageHub('resumed')
    hub.load_state_dict(checkpoint['message_hub'])
    hub.update_scalar('train/loss', 3.0)
    hub.update_info('best_score', 0.6)
    assert hub.state_dict()['runtime_info'] == dict(best_score=0.6)
    assert list(hub.state_dict()['log_scalars']) == ['train/loss']


def test_folders_of_a_run(tmp_path):

    class Run:
        work_dir = str(tmp_path / 'run')
        hooks = []

    from mmengine.hooks import CheckpointHook

    assert checkpoint_folders(Run) == [Run.work_dir]
    Run.hooks = [CheckpointHook(out_dir='kept')]
    assert checkpoint_folders(Run) == [Run.work_dir, 'kept/run']


@pytest.mark.parametrize(
    'change, said',
    [
        (lambda c: c.pop('meta'), 'no meta.epoch, meta.iter: weights alone.*load_from'),
        (lambda c: c.pop('message_hub'), 'no message_hub: weights alone'),
        (lambda c: c['message_hub'].pop('resumed_keys'), 'message_hub.resumed_keys'),
        (lambda c: c['message_hub']['log_scalars'].update(a=[1]), 'log_scalars.a'),
        (
            lambda c: c['message_hub']['runtime_info'].update(best_score='x'),
            'best_score',
        ),
        (
            lambda c: c['message_hub']['runtime_info'].update(best_score=float('nan')),
            'best_score',
        ),
        (
            lambda c: c['message_hub']['runtime_info'].update(keep_ckpt_ids=['../x']),
            'keep_ckpt_ids',
        ),
        (lambda c: c['message_hub']['runtime_info'].update(eta=10**400), 'eta'),
        (
            lambda c: c.update(ema_state_dict={'a': torch.tensor([1.0, float('inf')])}),
            'a: 1 of 2 values are NaN or infinite',
        ),
    ],
)
def test_what_no_training_goes_on_from(tmp_path, change, said):
    checkpoint = saved()
    change(checkpoint)
    with pytest.raises(CheckpointError, match=f'^a.pth: .*{said}'):
        prepare_resuming(checkpoint, [str(tmp_path)], 'a.pth')


def test_weights_without_optimizer_are_told(tmp_path):
    checkpoint = saved()
    del checkpoint['optimizer']
    (said,) = prepare_resuming(checkpoint, [str(tmp_path)], 'best.pth')
    assert said.startswith('best.pth: has no optimizer state')


class Run:
    """What of a runner has a state."""

    iter = 1
    logger = MMLogger('resuming')

    def __init__(
        self,
        optimizer=torch.optim.SGD,
        schedules=(LinearLR, MultiStepLR),
        sizes=(3, 2),
        **settings,
    ):
        model = nn.Linear(*sizes)
        settings = settings or dict(lr=0.1, momentum=0.9)
        self.optim_wrapper = OptimWrapper(optimizer(model.parameters(), **settings))
        options = {
            LinearLR: dict(start_factor=0.1, end=3),
            MultiStepLR: dict(milestones=[2]),
        }
        self.param_schedulers = [
            kind(self.optim_wrapper, **options[kind]) for kind in schedules
        ]
        self.optim_wrapper.update_params(model(torch.ones(1, sizes[0])).sum())

    def state(self):
        return copy.deepcopy(
            dict(
                optimizer=self.optim_wrapper.state_dict(),
                param_schedulers=[each.state_dict() for each in self.param_schedulers],
            )
        )


@pytest.mark.parametrize(
    'settings',
    [
        {},
        dict(optimizer=torch.optim.AdamW, lr=0.1, betas=(0.9, 0.99)),
        dict(optimizer=torch.optim.Adagrad, lr=0.1),
        dict(schedules=[LinearLR]),
    ],
)
def test_the_own_state_is_taken(settings):
    check_training_state(Run(**settings).state(), Run(**settings), 'a.pth')


@pytest.mark.parametrize(
    'settings, said',
    [
        (dict(schedules=[LinearLR]), 'param_schedulers: 1 in the checkpoint, 2 in the'),
        (dict(schedules=[MultiStepLR, LinearLR]), 'number 0 is not of a LinearLR'),
        (dict(sizes=(4, 2)), r'optimizer: momentum_buffer .* shape \(2, 3\)'),
        (
            dict(optimizer=torch.optim.Adam, lr=0.1),
            'param_groups.momentum does not fit SGD',
        ),
    ],
)
def test_states_of_other_configs(settings, said):
    with pytest.raises(CheckpointError, match=f'^a.pth: .*{said}.*load_from'):
        check_training_state(Run(**settings).state(), Run(), 'a.pth')


@pytest.mark.parametrize(
    'change, said',
    [
        (lambda s: s['param_schedulers'][0].update(step=print), 'number 0'),
        (
            lambda s: s['param_schedulers'][0].update(last_step='x'),
            'last_step of number 0',
        ),
        (
            lambda s: s['param_schedulers'][0].update(param_name='momentum'),
            'param_name',
        ),
        (lambda s: s['param_schedulers'][1].update(milestones={'a': 1}), 'milestones'),
        (lambda s: s.update(param_schedulers=3), 'no list'),
        (lambda s: s['optimizer']['param_groups'][0].update(lr=float('nan')), 'lr'),
        (lambda s: s['optimizer']['param_groups'][0].update(momentum=None), 'momentum'),
        (lambda s: s['optimizer']['param_groups'][0].update(foreach='yes'), 'foreach'),
        (
            lambda s: s['optimizer']['param_groups'][0].update(params=['a', 'b']),
            'groups',
        ),
        (lambda s: s['optimizer'].update(state={7: {}}), 'not trained'),
        (lambda s: s['optimizer']['state'][0].clear(), 'expected momentum_buffer'),
        (lambda s: s['optimizer'].update(base_param_settings='x'), 'not a group'),
        (lambda s: s['optimizer'].update(loss_scaler=[1]), 'loss_scaler: an entry'),
        (lambda s: s['optimizer'].update(state=None), 'expected a state'),
        (
            lambda s: s['optimizer']['state'][0].update(
                momentum_buffer=torch.full((2, 3), float('nan'))
            ),
            '6 of 6 values are NaN',
        ),
    ],
)
def test_broken_states(change, said):
    state = Run().state()
    change(state)
    with pytest.raises(CheckpointError, match=f'^a.pth: .*{said}'):
        check_training_state(state, Run(), 'a.pth')


def test_settings_that_came_with_later_versions():
    """PyTorch fills them in; a state of before is honest."""
    state = Run(optimizer=torch.optim.AdamW, lr=0.1).state()
    for key in (
        'maximize',
        'foreach',
        'fused',
        'differentiable',
        'capturable',
        'decoupled_weight_decay',
    ):
        state['optimizer']['param_groups'][0].pop(key, None)  # PyTorch 2.6 lacks one
    own = Run(optimizer=torch.optim.AdamW, lr=0.1)
    check_training_state(state, own, 'a.pth')
    own.optim_wrapper.load_state_dict(state['optimizer'])


@pytest.mark.parametrize('step', [-1, 'x', torch.tensor(-1.0), float('nan')])
def test_steps_that_count_nothing(step):
    run = Run(optimizer=torch.optim.Adam, lr=0.1)
    state = run.state()
    state['optimizer']['state'][1]['step'] = step
    with pytest.raises(CheckpointError, match='step of weight 1 is not a count'):
        check_training_state(state, run, 'a.pth')


def test_a_plateau_of_any_height():
    """MMEngine begins from the integer 10 ** 9."""
    run = Run(schedules=[])
    run.param_schedulers = [
        ReduceOnPlateauLR(run.optim_wrapper, monitor='loss', rule='less', end=9)
    ]
    run.param_schedulers[0].step(dict(loss=23.75))
    state = run.state()
    assert state['param_schedulers'][0]['best'] == 23.75
    own = Run(schedules=[])
    own.param_schedulers = [
        ReduceOnPlateauLR(own.optim_wrapper, monitor='loss', rule='less', end=9)
    ]
    check_training_state(state, own, 'a.pth')


@pytest.mark.parametrize(
    'lost, said',
    [
        (lambda s: s.pop('param_schedulers'), 'no schedules'),
        (lambda s: s['optimizer'].update(state={}), 'no moments of the optimizer'),
    ],
)
def test_what_begins_anew_is_told(lost, said, caplog):
    state = Run().state()
    lost(state)
    Run.logger.addHandler(caplog.handler)
    check_training_state(state, Run(), 'a.pth')
    Run.logger.removeHandler(caplog.handler)
    assert f'a.pth: holds {said}, which start from scratch' in caplog.text
