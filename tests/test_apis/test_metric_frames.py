"""Boxes of a file beside predictions of a crop are refused."""

import pytest
from mmengine.config import Config

from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.apis.metric_frames import metrics_of_other_frames

LOAD = dict(type='mammo.LoadMammogram')
COCO = dict(type='CocoMetric', ann_file='a.json')


def found(metric, pipeline, **more):
    return list(
        metrics_of_other_frames(
            Config(
                dict(
                    val_dataloader=dict(
                        dataset=dict(type='CocoDataset', pipeline=pipeline)
                    ),
                    val_evaluator=metric,
                    **more,
                )
            )
        )
    )


@pytest.mark.parametrize(
    'pipeline, step',
    [
        ([LOAD], 'LoadMammogram'),
        ([dict(LOAD, crop=True)], 'LoadMammogram'),
        (
            dict(
                order=['a'],
                a=dict(
                    type='ForEachView', transforms=dict(order=['image'], image=LOAD)
                ),
            ),
            'LoadMammogram',
        ),
        ([dict(type='LoadImageFromFile'), dict(type='RandomCrop')], 'RandomCrop'),
        ([dict(LOAD, crop=False), dict(type='mmdet.CenterCrop')], 'CenterCrop'),
        ([dict(type='LoadImageFromFile'), dict(type='RandomAffine')], 'RandomAffine'),
    ],
)
@pytest.mark.parametrize(
    'metric, place',
    [
        (COCO, 'val_evaluator'),
        ([dict(type='FROCMetric'), COCO], 'val_evaluator.1'),
        (
            dict(type='NamedEvaluator', metrics=dict(a=None, b=COCO)),
            'val_evaluator.metrics.b',
        ),
        (dict(type='LVISMetric', ann_file='a.json'), 'val_evaluator'),
        (dict(metrics=COCO), 'val_evaluator.metrics'),
    ],
)
def test_files_beside_crops(pipeline, step, metric, place):
    ((field, said),) = found(metric, pipeline)
    assert field == f'{place}.ann_file'
    assert f'of what {step} of val_dataloader.dataset.pipeline makes of them' in said
    for cure in ("'instances'", 'FROCMetric', 'LoadMammogram(crop=False)'):
        assert cure in said


@pytest.mark.parametrize(
    'metric, pipeline',
    [
        (dict(type='CocoMetric'), [LOAD]),
        (dict(type='FROCMetric'), [LOAD]),
        (None, [LOAD]),
        (dict(COCO, ann_file=None), [LOAD]),
        (COCO, [dict(LOAD, crop=False)]),
        # undone by mmdet
        (
            COCO,
            [
                dict(type='LoadImageFromFile'),
                dict(type='Resize'),
                dict(type='RandomFlip'),
                dict(type='Pad'),
            ],
        ),
    ],
)
def test_frames_that_are_one(metric, pipeline):
    assert found(metric, pipeline) == []


def test_other_parts_crop_as_they_like():
    assert not found(
        COCO,
        [dict(LOAD, crop=False)],
        train_dataloader=dict(dataset=dict(type='CocoDataset', pipeline=[LOAD])),
    )


def test_it_is_refused_where_a_config_is_read(tmp_path):
    path = tmp_path / 'a.py'
    path.write_text(f"""
default_scope = 'mmdet'
test_dataloader = dict(dataset=dict(type='CocoDataset', pipeline=[
    {LOAD}, dict(type='PackDetInputs')]))
test_evaluator = {COCO}
""")
    with pytest.raises(
        ConfigError, match=f'{path}: test_evaluator.ann_file: its boxes'
    ):
        load_config(str(path))
