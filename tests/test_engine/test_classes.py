"""The classes of data, of every head and of a checkpoint are the same."""

import pytest
from mmengine.config import Config
from mmpretrain.models import LinearClsHead
from torch import nn

from mammo_plugins.engine.checkpoint import CheckpointError
from mammo_plugins.engine.classes import (
    check_checkpoint_classes,
    check_classes,
    checkpoint_classes,
)
from mammo_plugins.models.decode_heads import HRNetV2Head
from mammo_plugins.models.detectors import NippleDetector
from mammo_plugins.structures import AnnotationError


class Head(nn.Module):
    """A head of detections, or of what the name says."""

    def __init__(self, num_classes):
        super().__init__()
        self.num_classes = num_classes


def model(**parts):
    built = nn.Module()
    for name, part in parts.items():
        built.add_module(name, part)
    return built


def exams(classes=None, **more):
    metainfo = {} if classes is None else dict(metainfo=dict(classes=classes))
    return dict(type='ExamDataset', ann_file='a.json', **metainfo, **more)


def config(train, val=None, **more):
    cfg = dict(default_scope='mammo', train_dataloader=dict(dataset=train), **more)
    if val is not None:
        cfg['val_dataloader'] = dict(dataset=val)
    return Config(cfg)


TWO = ('mass', 'calcification')


@pytest.mark.parametrize(
    'data, parts, said',
    [
        (exams(), dict(bbox_head=Head(1)), None),
        # the first stage of a detector knows lesions from background alone
        (exams(TWO), dict(rpn_head=Head(1), bbox_head=Head(2)), None),
        (exams(TWO), dict(rpn_head=Head(1), bbox_head=Head(3)), 'bbox_head.* is 3'),
        (
            exams(TWO),
            dict(bbox_head=nn.ModuleList([Head(2), Head(1)])),
            'bbox_head.1.* is 1',
        ),
        (exams(TWO), dict(bbox_head=Head(2), mask_head=Head(1)), 'mask_head.* is 1'),
        (
            exams(TWO),
            dict(ipsilateral=model(bbox_head=Head(2)), fusion=HRNetV2Head([8, 8])),
            'fusion.num_classes is 1',
        ),
        (exams(), dict(decode_head=HRNetV2Head([8, 8])), None),
        (
            dict(type='RepeatDataset', times=2, dataset=exams(TWO)),
            dict(bbox_head=Head(1)),
            'train_dataloader.dataset.dataset has 2',
        ),
        (
            dict(type='ConcatDataset', datasets=[exams(), exams(TWO)]),
            dict(bbox_head=Head(1)),
            'datasets.1 has 2 .mass, calcification.',
        ),
        # negative and positive breasts, whatever lesions there are
        (
            exams(TWO, labels=dict(field='abnormal')),
            dict(head=LinearClsHead(2, 4)),
            None,
        ),
        (
            exams(TWO, labels=dict(field='abnormal')),
            dict(head=LinearClsHead(3, 4)),
            'has 2 .negative, positive.*head.num_classes is 3: labels have two classes',
        ),
        (
            exams(TWO, labels=dict(field='abnormal')),
            dict(data_preprocessor=Head(3)),
            'data_preprocessor.num_classes is 3',
        ),
        (dict(exams(), type='PatchDataset'), dict(head=LinearClsHead(3, 4)), 'is 3'),
        (
            dict(type='mmdet.CocoDataset', ann_file='a.json'),
            dict(bbox_head=Head(1)),
            'has 80 .person',
        ),
        (
            dict(
                type='CocoDataset', metainfo=dict(classes=('mass',)), ann_file='a.json'
            ),
            dict(bbox_head=Head(1)),
            None,
        ),
        # of a backbone, which was made for something else
        (exams(), dict(backbone=Head(1000), bbox_head=Head(1)), None),
    ],
)
def test_heads(data, parts, said):
    cfg = config(data)
    if said is None:
        check_classes(cfg, model(**parts), ['train'])
    else:
        with pytest.raises(AnnotationError, match=f'^classes differ: .*{said}'):
            check_classes(cfg, model(**parts), ['train'])


@pytest.mark.parametrize('val', [('calcification',), TWO, TWO[::-1]])
def test_parts(val):
    cfg = config(exams(), exams(val))
    with pytest.raises(
        AnnotationError,
        match='train_dataloader.dataset has 1 .mass.; '
        rf'val_dataloader.dataset has {len(val)} .{val[0]}',
    ):
        check_classes(cfg, model(), ['train', 'val'])
    check_classes(cfg, model(), ['train'])


def test_the_order_counts():
    cfg = config(exams(TWO), exams(TWO[::-1]))
    with pytest.raises(AnnotationError, match='calcification, mass'):
        check_classes(cfg, model(bbox_head=Head(2)), ['train', 'val'])


def test_data_of_stages():
    cfg = config(
        exams(),
        optim_wrapper=dict(optimizer=dict(type='SGD')),
        train_cfg=dict(
            type='StagedTrainLoop',
            order=['a', 'b'],
            stages=dict(
                a=dict(max_epochs=1),
                b=dict(max_epochs=1, train_dataloader=dict(dataset=exams(TWO))),
            ),
        ),
    )
    with pytest.raises(AnnotationError, match='stages.b.train_dataloader.* has 2'):
        check_classes(cfg, model(bbox_head=Head(1)), ['train'])


def test_a_detector_of_nipples_has_a_class_of_its_own(monkeypatch):
    monkeypatch.setattr(NippleDetector, '__init__', nn.Module.__init__)
    detector = NippleDetector()
    detector.bbox_head = Head(1)
    check_classes(config(exams(TWO)), detector, ['train'])
    detector.bbox_head = Head(2)
    with pytest.raises(AnnotationError, match='has 1 .nipple.*bbox_head.* is 2'):
        check_classes(config(exams(TWO)), detector, ['train'])


@pytest.mark.parametrize(
    'meta, classes',
    [
        (dict(dataset_meta=dict(classes=('mass',))), ('mass',)),
        (dict(dataset_meta=dict(CLASSES=['mass', 'cyst'])), ('mass', 'cyst')),
        (dict(CLASSES=('person',)), ('person',)),
        (dict(dataset_meta=None), None),
        ({}, None),
    ],
)
def test_what_checkpoints_tell(meta, classes):
    """Of MMEngine, and of mmdet 2."""
    checkpoint = dict(meta=meta)
    assert checkpoint_classes(checkpoint) == classes
    check_checkpoint_classes(checkpoint, config(exams(classes)), ['train'], 'a.pth')
    if classes:
        with pytest.raises(
            CheckpointError,
            match=rf'a.pth: trained on {len(classes)} classes '
            rf'.{classes[0]}.*train_dataloader.dataset has 1 .other',
        ):
            check_checkpoint_classes(
                checkpoint, config(exams(('other',))), ['train'], 'a.pth'
            )
