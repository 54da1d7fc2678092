"""A plain mmdet config: with mmdet's own CocoDataset on the same JSON, or with ours."""
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import InstanceData

from mammo_plugins.registry import DATASETS


def test_mmdet_trains_with_coco_dataset(phantom_root, tmp_path):
    def dataset(pipeline, **options):
        return dict(
            type='CocoDataset',
            metainfo=dict(classes=('mass', )),
            data_root=str(phantom_root),
            ann_file='annotations/train.json',
            data_prefix=dict(img=''),
            filter_cfg=dict(filter_empty_gt=False),
            pipeline=pipeline,
            **options)

    train_pipeline = [
        dict(type='mammo.LoadMammogram'),
        dict(type='LoadAnnotations', with_bbox=True),
        dict(type='Resize', scale=(64, 128), keep_ratio=True),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PackDetInputs')
    ]
    test_pipeline = train_pipeline[:1] + [train_pipeline[2], train_pipeline[1]] + [
        dict(type='PackDetInputs', meta_keys=('img_id', 'ori_shape', 'img_shape',
                                              'scale_factor', 'instances'))
    ]
    cfg = Config(
        dict(
            custom_imports=dict(imports=['mammo_plugins']),
            default_scope='mmdet',
            work_dir=str(tmp_path),
            log_level='ERROR',
            model=dict(
                type='FCOS',
                data_preprocessor=dict(
                    type='mammo.MammogramDataPreprocessor', num_channels=3,
                    pad_size_divisor=32),
                backbone=dict(type='ResNet', depth=18, num_stages=4,
                              norm_cfg=dict(type='BN')),
                neck=dict(type='FPN', in_channels=[64, 128, 256, 512],
                          out_channels=16, num_outs=5, start_level=1,
                          add_extra_convs='on_output'),
                bbox_head=dict(type='FCOSHead', num_classes=1, in_channels=16,
                               feat_channels=16, stacked_convs=1,
                               norm_cfg=None),
                test_cfg=dict(nms_pre=50, score_thr=0., max_per_img=10,
                              nms=dict(type='nms', iou_threshold=0.5))),
            train_dataloader=dict(
                batch_size=4, num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=True),
                dataset=dataset(train_pipeline)),
            val_dataloader=dict(
                batch_size=4, num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dataset(test_pipeline, test_mode=True)),
            # without ann_file: the ground truth of the pipeline's frame
            val_evaluator=dict(type='CocoMetric', metric='bbox'),
            train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=5,
                           val_interval=5),
            val_cfg=dict(type='ValLoop'),
            optim_wrapper=dict(optimizer=dict(type='AdamW', lr=1e-3)),
            randomness=dict(seed=0)))
    runner = Runner.from_cfg(cfg)
    torch.manual_seed(0)
    before = [p.detach().clone() for p in runner.model.bbox_head.parameters()]
    runner.train()
    dataset = runner.train_dataloader.dataset
    assert type(dataset).__module__.startswith('mmdet')
    assert len(dataset) == 24  # normal images included
    assert any((a != b).any()
               for a, b in zip(before, runner.model.bbox_head.parameters()))
    losses = runner.message_hub.get_scalar('train/loss')._log_history
    assert len(losses) == 5 * 6
    # batches differ by how many lesions they hold; epochs do not
    assert losses[-6:].mean() < losses[:6].mean()
    assert 'val/coco/bbox_mAP_50' in runner.message_hub.log_scalars
    # CocoMetric has predictions and ground truth in one frame: perfect boxes are
    # perfect
    metric = runner.val_evaluator.metrics[0]
    metric.results.clear()
    samples = []
    for batch in runner.val_dataloader:
        for sample in batch['data_samples']:
            truth = sample.gt_instances
            sample.pred_instances = InstanceData(
                bboxes=truth.bboxes.tensor, labels=truth.labels,
                scores=torch.ones(len(truth)))
            samples.append(sample.to_dict())
    metric.process({}, samples)
    assert metric.evaluate(len(samples))['coco/bbox_mAP'] == pytest.approx(1.)


DOCUMENT = Path(__file__).parents[2] / 'docs/how_to/variants.md'
MODEL = """
default_scope = 'mmdet'
model = dict(
    type='RetinaNet',
    data_preprocessor=dict(
        type='DetDataPreprocessor', mean=[0.5], std=[0.25], pad_size_divisor=32),
    backbone=dict(type='ResNet', depth=18, in_channels=1, out_indices=(1, 2, 3)),
    neck=dict(type='FPN', in_channels=[128, 256, 512], out_channels=8, num_outs=3),
    bbox_head=dict(
        type='RetinaHead', num_classes=1, in_channels=8, feat_channels=8,
        stacked_convs=1, anchor_generator=dict(
            type='AnchorGenerator', octave_base_scale=4, scales_per_octave=1,
            ratios=[1.], strides=[8, 16, 32]),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder')),
    train_cfg=dict(assigner=dict(
        type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4),
        sampler=dict(type='PseudoSampler'), allowed_border=-1, pos_weight=-1),
    test_cfg=dict(nms_pre=50, score_thr=0., min_bbox_size=0, max_per_img=10,
                  nms=dict(type='nms', iou_threshold=0.5)))
train_cfg = dict(type='IterBasedTrainLoop', max_iters=2, val_interval=2)
val_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.001))
"""


def test_the_documented_config_trains_and_validates(phantom_root, tmp_path):
    data, = re.findall(r'```python\n(custom_imports.*?)```', DOCUMENT.read_text(), re.S)
    data = (data.replace('data/phantom/', f'{phantom_root}/')
            .replace('data/pixel_cache', str(tmp_path / 'cache'))
            .replace('(1333, 800)', '(128, 64)')
            .replace('num_workers=2', 'num_workers=0'))
    path = tmp_path / 'plain.py'
    path.write_text(data + MODEL)
    cfg = Config.fromfile(path)
    cfg.work_dir = str(tmp_path / 'work')
    runner = Runner.from_cfg(cfg)
    before = runner.model.bbox_head.retina_reg.weight.detach().clone()
    runner.train()
    assert not torch.equal(before, runner.model.bbox_head.retina_reg.weight)
    assert runner.message_hub.get_scalar('val/froc/n_images').current() == 8
    assert runner.message_hub.get_scalar('val/froc/n_lesions').current() > 0


def test_a_sample_of_several_views_says_what_to_do(phantom_root):
    dataset = DATASETS.build(dict(
        type='ExamDataset', data_root=str(phantom_root), target='breast',
        ann_file='annotations/train.json', pipeline=[dict(type='mammo.LoadMammogram')]))
    with pytest.raises(KeyError, match=r'2 views \(CC, MLO\).*mammo.SelectView'):
        dataset[0]
