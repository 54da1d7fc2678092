"""Pipelines whose samples would not get to the network are refused."""

import re
from pathlib import Path

import pytest
from mmcv.transforms import BaseTransform
from mmdet.datasets.transforms import PackDetInputs
from mmengine.config import Config

from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.apis.needed_steps import lacking_steps
from mammo_plugins.registry import DATASETS, TRANSFORMS

CONFIGS = Path(__file__).parents[2] / 'configs'
LOAD, FLIP, PACK = (
    dict(type=name) for name in ('LoadMammogram', 'RandomFlip', 'PackDetInputs')
)
EXAMS = dict(type='ExamDataset', ann_file='a.json')
INNER = dict(EXAMS, pipeline=[LOAD])


class MyPacking(BaseTransform):
    """A step that packs by another name."""

    def transform(self, results):
        return dict(inputs=results['img'])


class MyDetPacking(PackDetInputs):
    """A kind of mmdet's."""


def found(dataset, scope='mammo', **loader):
    return list(
        lacking_steps(
            Config(
                dict(
                    default_scope=scope,
                    train_dataloader=dict(dataset=dataset, **loader),
                )
            )
        )
    )


@pytest.mark.parametrize(
    'config, option, said',
    [
        (
            'baselines/faster-rcnn_hrnetv2p-w8_phantom',
            'train_dataloader.dataset.pipeline.pack',
            'no step packs the sample',
        ),
        (
            'baselines/faster-rcnn_hrnetv2p-w8_phantom',
            'test_dataloader.dataset.pipeline.image',
            'no step reads the image',
        ),
        (
            'nafv/nafv-net_phantom',
            'val_dataloader.dataset.pipeline.pack',
            'no step packs',
        ),
        (
            'nafv/nafv-net_phantom',
            'train_dataloader.dataset.pipeline.load',
            'no step reads',
        ),
        (
            'blending/blending-gan_phantom',
            'train_dataloader.dataset.pipeline.pack',
            'no step packs',
        ),
    ],
)
def test_steps_left_out(config, option, said):
    with pytest.raises(ConfigError) as error:
        load_config(str(CONFIGS / f'{config}.py'), {option: None})
    place, _, step = option.rpartition('.')
    assert f'{place}: {said}' in str(error.value)
    assert f'({step} left out); expected one such as ' in str(error.value)


@pytest.mark.parametrize(
    'dataset, place, said',
    [
        (dict(EXAMS, pipeline=[LOAD, FLIP]), '', 'packs'),
        (dict(EXAMS, pipeline=[PACK]), '', 'reads'),
        (dict(EXAMS), '', 'reads'),
        (dict(EXAMS, pipeline=[]), '', 'reads'),
        (dict(type='mmdet.CocoDataset', pipeline=[LOAD]), '', 'packs'),
        (
            dict(EXAMS, pipeline=[dict(type='ForEachView', transforms=[LOAD]), FLIP]),
            '',
            'packs',
        ),
        # a step without a constructor of its own
        (dict(EXAMS, pipeline=[LOAD, dict(type='DrawLesionMap')]), '', 'packs'),
        (dict(type='RepeatDataset', times=2, dataset=INNER), '.dataset', 'packs'),
        (
            dict(
                type='NamedConcatDataset',
                datasets=dict(a=dict(EXAMS, pipeline=[LOAD, PACK]), b=INNER, c=None),
            ),
            '.datasets.b',
            'packs',
        ),
        (
            dict(type='MultiImageMixDataset', dataset=INNER, pipeline=[FLIP]),
            '.dataset',
            'packs',
        ),
    ],
)
def test_pipelines_that_lack_a_step(dataset, place, said):
    ((field, what),) = found(dataset)
    assert field == f'train_dataloader.dataset{place}.pipeline'
    assert what.startswith(f'no step {said}')


@pytest.mark.parametrize(
    'dataset',
    [
        dict(EXAMS, pipeline=[LOAD, PACK]),
        dict(
            EXAMS,
            pipeline=[
                dict(type='ForEachView', transforms=dict(order=['image'], image=LOAD)),
                dict(type='PackExamInputs'),
            ],
        ),
        dict(EXAMS, pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')]),
        dict(
            EXAMS,
            pipeline=[LOAD, dict(type='MultiBranch', branch_field=['a'], a=[PACK])],
        ),
        dict(type='MultiImageMixDataset', dataset=INNER, pipeline=[PACK]),
        # nobody's here
        dict(EXAMS, pipeline=[LOAD, dict(type='MyPacking')]),
        dict(EXAMS, pipeline=[LOAD, dict(type=MyPacking)]),
        dict(EXAMS, pipeline=[LOAD, dict(type=MyDetPacking)]),
        dict(EXAMS, pipeline=[LOAD, lambda results: results]),
        dict(EXAMS, pipeline=[LOAD, MyPacking()]),
        dict(type='MyExams', pipeline=[LOAD]),
        dict(type='mmpretrain.CIFAR10'),
    ],
)
def test_pipelines_that_may_be_whole(dataset):
    assert found(dataset) == []


def test_samples_that_are_packed_as_they_are_joined():
    assert found(INNER, collate_fn=dict(type='my_collate')) == []
    assert found(INNER, collate_fn=dict(type='default_collate'))
    assert found(dict(EXAMS, pipeline=[FLIP]), collate_fn=dict(type='my_collate'))


def test_steps_and_data_sets_that_others_have_registered():
    for registry, cls, dataset in [
        (TRANSFORMS, MyPacking, dict(EXAMS, pipeline=[LOAD, dict(type='MyPacking')])),
        (
            DATASETS,
            type('MyExams', (), {'__init__': lambda self: None}),
            dict(type='MyExams', pipeline=[LOAD]),
        ),
    ]:
        registry.register_module(module=cls)
        try:
            assert not found(dataset), cls
        finally:
            del registry.module_dict[cls.__name__]


def test_the_cure_is_a_step_that_there_is():
    ((_, what),) = found(INNER)
    for name in re.findall(r'[\w.]*Pack\w+', what):
        assert TRANSFORMS.get(name), name
