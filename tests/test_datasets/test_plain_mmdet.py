"""A plain mmdet config: with mmdet's own CocoDataset on the same JSON, or with ours."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import InstanceData

from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.registry import DATASETS


def test_mmdet_trains_with_coco_dataset(phantom_root, tmp_path):
    def dataset(pipeline, **options):
        return dict(
            type='CocoDataset',
            metainfo=dict(classes=('mass',)),
            data_root=str(phantom_root),
            ann_file='annotations/train.json',
            data_prefix=dict(img=''),
            filter_cfg=dict(filter_empty_gt=False),
            pipeline=pipeline,
            **options,
        )

    train_pipeline = [
        dict(type='mammo.LoadMammogram'),
        dict(type='LoadAnnotations', with_bbox=True),
        dict(type='Resize', scale=(64, 128), keep_ratio=True),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PackDetInputs'),
    ]
    test_pipeline = (
        train_pipeline[:1]
        + [train_pipeline[2], train_pipeline[1]]
        + [
            dict(
                type='PackDetInputs',
                meta_keys=(
                    'img_id',
                    'ori_shape',
                    'img_shape',
                    'scale_factor',
                    'instances',
                ),
            )
        ]
    )
    cfg = Config(
        dict(
            custom_imports=dict(imports=['mammo_plugins']),
            default_scope='mmdet',
            work_dir=str(tmp_path),
            log_level='ERROR',
            model=dict(
                type='FCOS',
                data_preprocessor=dict(
                    type='mammo.MammogramDataPreprocessor',
                    num_channels=3,
                    pad_size_divisor=32,
                ),
                backbone=dict(
                    type='ResNet',
                    depth=18,
                    num_stages=4,
                    base_channels=16,
                    norm_cfg=dict(type='BN'),
                ),
                neck=dict(
                    type='FPN',
                    in_channels=[16, 32, 64, 128],
                    out_channels=16,
                    num_outs=5,
                    start_level=1,
                    add_extra_convs='on_output',
                ),
                bbox_head=dict(
                    type='FCOSHead',
                    num_classes=1,
                    in_channels=16,
                    feat_channels=16,
                    stacked_convs=1,
                    norm_cfg=None,
                ),
                test_cfg=dict(
                    nms_pre=50,
                    score_thr=0.0,
                    max_per_img=10,
                    nms=dict(type='nms', iou_threshold=0.5),
                ),
            ),
            train_dataloader=dict(
                batch_size=4,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=True),
                dataset=dataset(train_pipeline),
            ),
            val_dataloader=dict(
                batch_size=4,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dataset(test_pipeline, test_mode=True),
            ),
            # without ann_file: the ground truth of the pipeline's frame
            val_evaluator=dict(type='CocoMetric', metric='bbox'),
            train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=5, val_interval=5),
            val_cfg=dict(type='ValLoop'),
            optim_wrapper=dict(optimizer=dict(type='AdamW', lr=1e-3)),
            randomness=dict(seed=0),
        )
    )
    runner = Runner.from_cfg(cfg)
    torch.manual_seed(0)
    before = [p.detach().clone() for p in runner.model.bbox_head.parameters()]
    runner.train()
    dataset = runner.train_dataloader.dataset
    assert type(dataset).__module__.startswith('mmdet')
    assert len(dataset) == 24  # normal images included
    assert any(
        (a != b).any() for a, b in zip(before, runner.model.bbox_head.parameters())
    )
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
                bboxes=truth.bboxes.tensor,
                labels=truth.labels,
                scores=torch.ones(len(truth)),
            )
            samples.append(sample.to_dict())
    metric.process({}, samples)
    assert metric.evaluate(len(samples))['coco/bbox_mAP'] == pytest.approx(1.0)


PAGE = Path(__file__).parents[2] / 'docs/how_to/variants.md'
BLOCKS = re.findall(r'```python\n(.*?)```', PAGE.read_text(), re.S)
OF_EXAMS, OF_COCO = (block for block in BLOCKS if 'mmdet::' in block)
(ONE_CHANNEL,) = (block for block in BLOCKS if block.startswith('model ='))
# for a test: small and short, without files of weights
SMALL = """
model.update(
    neck=dict(out_channels=8),
    bbox_head=dict(num_classes=1, in_channels=8, feat_channels=8, stacked_convs=1),
    test_cfg=dict(score_thr=0.))
model.setdefault('backbone', {})['init_cfg'] = None
train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=2, val_interval=2)
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader.update(num_workers=0, persistent_workers=False)
log_level = 'ERROR'
"""


@pytest.fixture
def documented(phantom_root, tmp_path):
    """Write a config of the page for the tiny phantom."""

    def write(text):
        path = tmp_path / 'plain.py'
        for old, new in (
            ('data/phantom/', f'{phantom_root}/'),
            ('data/pixel_cache', str(tmp_path / 'cache')),
            ('=1600', '=128'),
            ('=800', '=64'),
        ):
            text = text.replace(old, new)
        path.write_text(text + SMALL + f'work_dir = {str(tmp_path / "work")!r}\n')
        return str(path)

    return write


@pytest.mark.parametrize(
    'text, figure',
    [
        (OF_EXAMS, 'val/froc/n_lesions'),
        (OF_EXAMS + ONE_CHANNEL, 'val/froc/n_lesions'),
        (OF_COCO, 'val/coco/bbox_mAP'),
    ],
    ids=['ExamDataset', 'one channel', 'CocoDataset'],
)
def test_documented_configs_train_and_validate(documented, text, figure):
    cfg = load_config(documented(text))
    runner = Runner.from_cfg(cfg)
    before = runner.model.bbox_head.retina_reg.weight.detach().clone()
    runner.train()
    assert not torch.equal(before, runner.model.bbox_head.retina_reg.weight)
    assert runner.message_hub.get_scalar(figure).current() >= 0
    assert len(runner.train_dataloader.dataset) == 24  # normal images too
    assert len(runner.val_dataloader.dataset) == 8
    if 'froc' in figure:
        assert runner.message_hub.get_scalar('val/froc/n_images').current() == 8
        assert runner.message_hub.get_scalar(figure).current() > 0


@pytest.mark.parametrize(
    'dropped, error',
    [
        ('_delete_=True, ', 'val_evaluator.ann_file|backend_args'),
        ('batch_sampler=None,', 'width'),
    ],
)
def test_what_the_page_says_of_mmdets_settings_is_needed(documented, dropped, error):
    assert dropped in OF_EXAMS
    with pytest.raises((ConfigError, KeyError, TypeError), match=error):
        Runner.from_cfg(load_config(documented(OF_EXAMS.replace(dropped, '')))).train()


def test_another_mmdet_config_as_the_page_says(documented):
    """Of two stages; built, not run."""
    text = OF_EXAMS.replace('retinanet/retinanet_r18', 'faster_rcnn/faster-rcnn_r50')
    (said,) = re.findall(r'`(roi_head=.*?)`', PAGE.read_text())
    text = text.replace('bbox_head=dict(num_classes=1)', said)
    path = Path(documented(text))
    path.write_text(path.read_text().replace(SMALL, ''))
    cfg = load_config(str(path))
    assert cfg.model.roi_head.bbox_head.num_classes == 1
    assert cfg.train_dataloader.batch_sampler is None
    assert 'data_prefix' not in cfg.test_dataloader.dataset
    assert cfg.test_evaluator == dict(type='mammo.FROCMetric')


def test_a_sample_of_several_views_says_what_to_do(phantom_root):
    dataset = DATASETS.build(
        dict(
            type='ExamDataset',
            data_root=str(phantom_root),
            target='breast',
            ann_file='annotations/train.json',
            pipeline=[dict(type='mammo.LoadMammogram')],
        )
    )
    with pytest.raises(KeyError, match=r'2 views \(CC, MLO\).*mammo.SelectView'):
        dataset[0]
