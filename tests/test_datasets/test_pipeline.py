"""Pipelines of named steps, data sets and metrics by name."""

import itertools
import re

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mammo_plugins.apis.setting_kinds import wrong_parts
from mammo_plugins.datasets import ExamDataset, NamedConcatDataset, NamedMixDataset
from mammo_plugins.datasets.pipeline import every_step, named_steps, steps_of
from mammo_plugins.datasets.transforms import ForEachView
from mammo_plugins.engine.data_configs import innermost_datasets
from mammo_plugins.evaluation.metrics import NamedEvaluator, metrics_of

FLIP = dict(type='RandomFlip', prob=0.5)
STEPS = dict(a=dict(type='A'), b=dict(type='B'), c=dict(type='C'))


@pytest.mark.parametrize('order', itertools.permutations('abc'))
def test_steps_run_in_their_order_whatever_the_dicts(order):
    named = dict(c=STEPS['c'], a=STEPS['a'], order=list(order), b=STEPS['b'])
    assert [step['type'] for step in steps_of(named)] == [n.upper() for n in order]
    assert list(named_steps(named)) == list(order)


def test_steps_inside_of_others_are_steps_too():
    inner = ForEachView(transforms=[])
    outer = dict(type='X', transforms=dict(order=['b', 'a'], **STEPS))
    found = list(every_step([outer, inner, FLIP, dict(type=ForEachView)]))
    assert found == [outer, *STEPS.values(), inner, FLIP, dict(type=ForEachView)]
    assert list(every_step(None)) == []


def test_free_places_and_steps_left_out():
    named = dict(STEPS, order=['a', 'free', 'b', 'c'], slots=['free', 'other'], b=None)
    assert steps_of(named) == [STEPS['a'], STEPS['c']]
    named['free'] = dict(type='F')
    assert [step['type'] for step in steps_of(named)] == ['A', 'F', 'C']


def test_lists_are_as_before():
    assert steps_of([STEPS['b'], STEPS['a']]) == [STEPS['b'], STEPS['a']]
    assert steps_of(None) == []


def test_a_child_exchanges_and_adds_by_name(tmp_path):
    """Also through a config that MMEngine has written, whose keys are sorted."""
    base = dict(a=STEPS['a'], b=STEPS['b'], order=['b', 'x', 'a'], slots=['x'])
    (tmp_path / 'base.py').write_text(f'pipeline = {base}')
    (tmp_path / 'child.py').write_text(
        "_base_ = './base.py'\n"
        "pipeline = dict(a=dict(size=3), x=dict(type='X'), b=None)"
    )
    cfg = Config.fromfile(tmp_path / 'child.py')
    for read in (cfg, Config.fromstring(cfg.pretty_text, '.py')):
        assert steps_of(read.pipeline) == [dict(type='X'), dict(type='A', size=3)]


@pytest.mark.parametrize(
    'change, said',
    [
        (
            dict(d=dict(type='D')),
            "d: no such step in order, which is ['a', 'b', 'c']; set",
        ),
        (dict(bb=dict(type='B')), 'did you mean b?'),
        (dict(bb=None), 'bb: no such step in order'),
        (dict(order=None), 'order: None; expected the names'),
        (dict(order='abc'), "order: 'abc'; expected the names"),
        (dict(order=['a', 'b', 'c', 'a']), "order: 'a' appears twice"),
        (dict(b=dict(size=3)), 'b: a step without a type'),
        (dict(b=3), 'b: 3; expected a step'),
        (
            dict(order=['a', 'b', 'x', 'c']),
            "order: 'x' has no step; set x=dict(type=...)",
        ),
        (dict(order=['a', 'b', 'x', 'c'], slots=['y']), "order: 'x' has no step"),
        (
            dict(order=['a', 3, 'b', 'c']),
            "order: ['a', 3, 'b', 'c']; expected the names",
        ),
        (dict(slots='x'), "slots: 'x'; expected the names in order that may"),
        (dict(slots=None), 'slots: None; expected'),
        (dict(slots=[3]), 'slots: [3]; exp'),
        (
            {'1': dict(size=3)},
            "1: no such step in order, which is ['a', 'b', 'c']; steps have "
            'names here, not numbers; did you mean b?',
        ),
        ({'7': dict(size=3)}, 'names here, not numbers'),
        (
            dict(
                b=dict(
                    type='ForEachView', transforms=dict(order=['resize'], resize=FLIP)
                ),
                resize=dict(size=3),
            ),
            'did you mean b.transforms.resize?',
        ),
    ],
)
def test_mistakes_name_the_step(change, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        named_steps(dict(STEPS, order=['a', 'b', 'c'], **{}) | change)
    # and before anything is built, with the place
    cfg = Config(
        dict(
            train_dataloader=dict(
                dataset=dict(
                    type='ExamDataset',
                    pipeline=dict(
                        order=['views'],
                        views=dict(
                            type='ForEachView',
                            transforms=dict(STEPS, order=['a', 'b', 'c']) | change,
                        ),
                    ),
                )
            )
        )
    )
    ((field, what),) = wrong_parts(cfg)
    assert field.startswith('train_dataloader.dataset.pipeline.views.transforms.')
    assert said in f'{field.rpartition(".")[2]}: {what}'


def test_named_steps_inside_of_steps():
    with DefaultScope.overwrite_default_scope('mammo'):
        transform = ForEachView(
            dict(
                order=['flip', 'none', 'noise'],
                slots=['none'],
                flip=dict(type='RandomFlip', prob=1.0, direction='horizontal'),
                noise=lambda results: dict(results, noise=True),
            )
        )
    image = np.arange(6.0).reshape(2, 3)
    found = transform(dict(views=dict(CC=dict(img=image))))['views']['CC']
    assert found['noise'] and (found['img'] == image[:, ::-1]).all()


def test_data_sets_by_name(phantom_root):
    def exams(part):
        return dict(
            type='mammo.ExamDataset',
            data_root=str(phantom_root),
            ann_file=f'annotations/{part}.json',
        )

    with DefaultScope.overwrite_default_scope('mammo'):
        both = NamedConcatDataset(dict(b=exams('test'), a=exams('train'), c=None))
        alone = [NamedConcatDataset([exams(part)]) for part in ('train', 'test')]
    # in the order of the names
    assert [len(d) for d in both.datasets] == [len(d) for d in alone]
    found = dict(
        innermost_datasets(
            'dataset',
            dict(type='NamedConcatDataset', datasets=dict(b=exams('test'), c=None)),
        )
    )
    assert list(found) == ['dataset.datasets.b']


def test_mixed_samples_by_named_steps(phantom_root):
    exams = ExamDataset(data_root=str(phantom_root), ann_file='annotations/train.json')
    with DefaultScope.overwrite_default_scope('mammo'):
        mixed = NamedMixDataset(
            exams,
            dict(
                order=['resize', 'view'],
                resize=None,
                view=dict(type='mammo.SelectView'),
            ),
        )
    assert mixed[3]['img_id'] == exams[3]['views']['main']['img_id']


def test_metrics_by_name():
    named = dict(
        type='NamedEvaluator',
        metrics=dict(froc=dict(type='FROCMetric', iou_thr=0.3), roc=None),
    )
    with DefaultScope.overwrite_default_scope('mammo'):
        (metric,) = NamedEvaluator(named['metrics']).metrics
    assert metric.iou_thr == 0.3
    expected = [dict(type='FROCMetric', iou_thr=0.3)]
    for evaluator in (
        named,
        named['metrics'],
        expected,
        expected[0],
        dict(type='Evaluator', metrics=expected),
    ):
        assert metrics_of(evaluator) == expected
    assert metrics_of(None) == []
