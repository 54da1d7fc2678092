"""Data sets, steps and metrics by name: what is wrong with them is said at once."""

import re
from pathlib import Path

import pytest
from mmcv.transforms import BaseTransform
from mmdet.datasets import CocoDataset
from mmengine.config import Config
from mmengine.dataset import BaseDataset

from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.apis.setting_kinds import wrong_parts
from mammo_plugins.datasets import ExamDataset
from mammo_plugins.datasets.transforms import ForEachView
from mammo_plugins.evaluation.metrics import NamedEvaluator
from mammo_plugins.registry import DATASETS, EVALUATOR, TRANSFORMS

CONFIGS = Path(__file__).parents[2] / 'configs'
FLIP = dict(type='RandomFlip', prob=0.5)
NAMED = dict(order=['a'], a=FLIP)
MISSED = dict(order=['a'], b=FLIP)
EXAMS = dict(type='ExamDataset', ann_file='a.json')
METRIC = dict(type='ROCMetric')


class MyView(ForEachView):
    """A kind of ours."""


class MyCoco(CocoDataset):
    """A kind of theirs."""


class MyOwn(BaseTransform):
    """A step that takes what it likes."""

    def __init__(self, transforms):
        self.transforms = transforms

    def transform(self, results):
        return results


def found(scope='mammo', **cfg):
    return list(wrong_parts(Config(dict(default_scope=scope, **cfg))))


def of_data(dataset, **more):
    return found(train_dataloader=dict(dataset=dataset), **more)


def of_steps(steps, kind='ExamDataset'):
    return [
        (place.partition('train_dataloader.dataset.pipeline')[2], said)
        for place, said in of_data(dict(type=kind, pipeline=steps))
    ]


@pytest.mark.parametrize(
    'steps',
    [
        NAMED,
        [FLIP],
        [lambda results: results],
        [dict(type='ForEachView', transforms=NAMED)],
        [dict(type='mammo.WithCleanImage', transforms=NAMED)],
        [dict(type=MyView, transforms=NAMED)],
        [dict(type=MyOwn, transforms=NAMED)],
        [
            dict(
                type='RandomApply',
                transforms=[dict(type='ForEachView', transforms=NAMED)],
            )
        ],
        [dict(type='RandomApply', transforms=FLIP)],
        [dict(type='RandomChoice', transforms=[[FLIP], FLIP])],
        [dict(type='Albu', transforms=[dict(type='OneOf', transforms=[FLIP])])],
    ],
)
def test_steps_that_are_understood(steps):
    assert of_steps(steps) == []


@pytest.mark.parametrize(
    'kind',
    [
        'RandomApply',
        'mmengine.RandomChoice',
        'KeyMapper',
        'TransformBroadcaster',
        'mmdet.ProposalBroadcaster',
    ],
)
@pytest.mark.parametrize(
    'hold',
    [
        lambda step: [step],
        lambda step: dict(order=['a'], a=step),
        lambda step: [dict(type='ForEachView', transforms=[step])],
        lambda step: [dict(type='RandomChoice', transforms=[[FLIP, step]])],
    ],
)
def test_steps_of_others_have_no_names(kind, hold):
    """As wrong where they are built, with a word that says nothing of it."""
    ((place, said),) = of_steps(hold(dict(type=kind, transforms=NAMED)))
    assert place.endswith('.transforms')
    assert said.startswith(f'steps by name, which {kind} does not understand')
    for does in ('ForEachView', 'WithCleanImage', 'ExamDataset', 'NamedMixDataset'):
        assert does in said
    if kind == 'RandomApply':
        with pytest.raises((TypeError, KeyError, AssertionError)):
            TRANSFORMS.build(dict(type=kind, transforms=NAMED))


@pytest.mark.parametrize(
    'dataset',
    [
        dict(type='CocoDataset', pipeline=NAMED),
        dict(type=MyCoco, pipeline=NAMED),
        dict(type='MultiImageMixDataset', dataset=EXAMS, pipeline=NAMED),
    ],
)
def test_data_sets_of_others_have_no_steps_by_name(dataset):
    ((place, said),) = of_data(dataset)
    assert place == 'train_dataloader.dataset.pipeline'
    assert 'does not understand' in said and 'expected a list of steps' in said


def test_data_sets_of_ours_have_steps_by_name():
    for dataset in (
        dict(EXAMS, pipeline=NAMED),
        dict(type='CMMD', pipeline=NAMED),
        dict(type='mammo.PatchDataset', pipeline=NAMED),
        dict(type='NamedMixDataset', dataset=EXAMS, pipeline=NAMED),
    ):
        assert of_data(dataset) == []


@pytest.mark.parametrize(
    'steps, where',
    [
        ([dict(type='ForEachView', transforms=MISSED)], '.0.transforms.b'),
        (
            [
                dict(
                    type='ForEachView',
                    transforms=[dict(type='WithCleanImage', transforms=MISSED)],
                )
            ],
            '.0.transforms.0.transforms.b',
        ),
        (
            dict(
                order=['x'],
                x=dict(
                    type='RandomApply',
                    transforms=[dict(type='ForEachView', transforms=MISSED)],
                ),
            ),
            '.x.transforms.0.transforms.b',
        ),
        (
            [
                dict(
                    type='RandomChoice',
                    transforms=[[dict(type='ForEachView', transforms=MISSED)]],
                )
            ],
            '.0.transforms.0.0.transforms.b',
        ),
        ([dict(type='ForEachView', transforms=[dict(prob=0.5)])], '.0.transforms.0'),
        ([dict(type='ForEachView', transforms=[3])], '.0.transforms.0'),
        ([dict(type='ForEachView', transforms=FLIP)], '.0.transforms'),
        ([dict(type='RandomChoice', transforms=[NAMED])], '.0.transforms.0'),
        ([NAMED], '.0'),
        (3, ''),
    ],
)
def test_what_is_no_step_is_found_wherever_it_stands(steps, where):
    assert [place for place, _ in of_steps(steps)] == [where]


def test_a_hook_that_changes_the_pipeline():
    hook = dict(type='mmdet.PipelineSwitchHook', switch_epoch=1)
    assert found(custom_hooks=[dict(hook, switch_pipeline=[FLIP])]) == []
    ((place, said),) = found(custom_hooks=[hook, dict(hook, switch_pipeline=NAMED)])
    assert place == 'custom_hooks.1.switch_pipeline' and 'PipelineSwitchHook' in said


@pytest.mark.parametrize(
    'scope, kind',
    [
        ('mammo', 'ConcatDataset'),
        ('mmdet', 'ConcatDataset'),
        (None, 'ConcatDataset'),
        ('mammo', 'mmdet.ConcatDataset'),
        ('mammo', 'mmengine.ConcatDataset'),
    ],
)
def test_data_sets_by_name_of_others(scope, kind):
    parts = dict(a=EXAMS, b=None)
    inner = dict(type=kind, datasets=parts)
    for dataset, where in (
        (inner, ''),
        (dict(type='RepeatDataset', dataset=inner), '.dataset'),
    ):
        ((place, said),) = found(scope, train_dataloader=dict(dataset=dataset))
        assert place == f'train_dataloader.dataset{where}.datasets'
        assert 'NamedConcatDataset' in said and kind in said


@pytest.mark.parametrize('kind', ['NamedConcatDataset', 'mmdet.ConcatDataset'])
@pytest.mark.parametrize(
    'held, where',
    [
        (None, ''),
        ([], ''),
        ({}, ''),
        (dict(a=None, b=None), ''),
        (3, ''),
        ([EXAMS, 3], '.1'),
        ([None, EXAMS], '.0'),
    ],
)
def test_wrappers_of_nothing(kind, held, where):
    ((place, _),) = of_data(dict(type=kind, datasets=held))
    assert place == f'train_dataloader.dataset.datasets{where}'


def test_what_a_wrapper_holds_is_a_data_set():
    ((place, said),) = of_data(dict(type='RepeatDataset', times=2, dataset=3))
    assert place == 'train_dataloader.dataset.dataset'
    assert said.startswith('3; expected')


@pytest.mark.parametrize(
    'metrics, where, said',
    [
        (None, '', 'validates nothing; leave out val_dataloader, val_cfg and val_eval'),
        (dict(a=None, b=None), '', 'validates nothing'),
        ([], '', 'validates nothing'),
        (
            dict(asymmetry=METRIC, asymetry=dict(prefix='a')),
            '.asymetry',
            'a metric without a type, and none to inherit; did you mean asymmetry?',
        ),
        (dict(auc=METRIC, xxxx=dict(prefix='a')), '.xxxx', 'it has auc'),
        (dict(xxxx=dict(prefix='a')), '.xxxx', 'none to inherit'),
        (dict(auc=METRIC, b=3), '.b', '3; expected a dict of settings or None'),
        (dict(auc=METRIC, order=['auc']), '.order', "['auc']; expected a dict"),
    ],
)
def test_metrics_by_name(metrics, where, said):
    evaluator = dict(type='NamedEvaluator', metrics=metrics)
    ((place, message),) = found(val_evaluator=evaluator)
    assert place == f'val_evaluator.metrics{where}' and said in message
    ((place, message),) = found(test_evaluator=evaluator)
    assert place == f'test_evaluator.metrics{where}'
    assert said.replace('validates', 'tests').replace('val_', 'test_') in message
    stage = dict(
        max_epochs=1,
        train_dataloader=dict(dataset=EXAMS),
        optim_wrapper=dict(optimizer=dict(type='SGD')),
    )
    staged = dict(
        type='StagedTrainLoop',
        order=['a', 'b'],
        stages=dict(a=stage, b=dict(stage, val_evaluator=evaluator)),
    )
    assert found(train_cfg=staged) == [
        (
            f'train_cfg.stages.b.val_evaluator.metrics{where}',
            message.replace('tests', 'validates').replace('test_', 'val_'),
        )
    ]


@pytest.mark.parametrize(
    'evaluator',
    [
        dict(type='NamedEvaluator', metrics=dict(a=METRIC, b=None)),
        METRIC,
        [METRIC],
        dict(type='NamedEvaluator', metrics=[METRIC]),
        dict(metrics=[METRIC]),
        dict(type='mmengine.Evaluator', metrics=METRIC),
        None,
    ],
)
def test_metrics_that_are_understood(evaluator):
    assert found(val_evaluator=evaluator) == []


def test_metrics_by_name_of_others():
    for kind in (dict(type='Evaluator'), dict(type='mmengine.Evaluator'), dict()):
        ((place, said),) = found(val_evaluator=dict(kind, metrics=dict(a=METRIC)))
        assert place == 'val_evaluator.metrics' and 'NamedEvaluator does' in said
    with pytest.raises((TypeError, KeyError)):
        EVALUATOR.build(dict(type='mmengine.Evaluator', metrics=dict(a=METRIC)))


def test_kinds_of_ours_that_others_have_registered():
    """By class: names are free."""
    with_registered = [
        (
            DATASETS,
            type('MyExams', (ExamDataset,), {}),
            lambda: of_data(dict(type='MyExams', pipeline=NAMED)),
        ),
        (
            DATASETS,
            type('MyBase', (BaseDataset,), {}),
            lambda: not of_data(dict(type='MyBase', pipeline=NAMED)),
        ),
        (
            EVALUATOR,
            type('MyEvaluator', (NamedEvaluator,), {}),
            lambda: found(
                val_evaluator=dict(type='MyEvaluator', metrics=dict(a=METRIC))
            ),
        ),
    ]
    for registry, cls, wrong in with_registered:
        registry.register_module(module=cls)
        try:
            assert not wrong(), cls
        finally:
            del registry.module_dict[cls.__name__]


@pytest.mark.parametrize(
    'config, options, said',
    [
        (
            'disasym/disasymnet_vindr',
            {'val_evaluator.metrics.asymetry.n_bootstrap': 0},
            'val_evaluator.metrics.asymetry: a metric without a type',
        ),
        (
            'disasym/disasymnet_vindr',
            {'val_evaluator.metrics': None},
            'validates nothing',
        ),
        (
            'blending/mask-rcnn_r50_inbreast',
            {'train_dataloader.dataset.datasets.original': None},
            'train_dataloader.dataset.datasets: ',
        ),
    ],
)
def test_options_on_configs_that_are_shipped(config, options, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        load_config(str(CONFIGS / f'{config}.py'), options)
