"""A detector of mmdet, small, trained one step and run on the bridged operators."""

import pytest
import torch
from mmdet.models import FasterRCNN
from mmdet.structures import DetDataSample
from mmdet.utils import register_all_modules
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

import mammo_plugins  # noqa: F401  installs the operators


def coder(*stds):
    return dict(type='DeltaXYWHBBoxCoder', target_means=[0.0] * 4, target_stds=stds)


def sampler(number):
    return dict(type='RandomSampler', num=number, pos_fraction=0.5)


def assigner(positive, negative):
    return dict(
        type='MaxIoUAssigner',
        pos_iou_thr=positive,
        neg_iou_thr=negative,
        min_pos_iou=0.3,
        match_low_quality=True,
    )


@pytest.fixture
def detector():
    register_all_modules(init_default_scope=True)
    torch.manual_seed(0)
    nms = dict(type='nms', iou_threshold=0.5)
    proposals = dict(nms_pre=50, max_per_img=30, nms=nms, min_bbox_size=0)
    return FasterRCNN(
        data_preprocessor=dict(type='DetDataPreprocessor', pad_size_divisor=32),
        backbone=dict(type='ResNet', depth=18, base_channels=8, norm_eval=False),
        neck=dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=8, num_outs=5),
        rpn_head=dict(
            type='RPNHead',
            in_channels=8,
            feat_channels=8,
            anchor_generator=dict(
                type='AnchorGenerator',
                scales=[8],
                ratios=[1.0],
                strides=[4, 8, 16, 32, 64],
            ),
            bbox_coder=coder(1.0, 1.0, 1.0, 1.0),
            loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True),
            loss_bbox=dict(type='L1Loss'),
        ),
        roi_head=dict(
            type='StandardRoIHead',
            bbox_roi_extractor=dict(
                type='SingleRoIExtractor',
                out_channels=8,
                featmap_strides=[4, 8, 16, 32],
                roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=0),
            ),
            bbox_head=dict(
                type='Shared2FCBBoxHead',
                in_channels=8,
                fc_out_channels=16,
                roi_feat_size=7,
                num_classes=1,
                bbox_coder=coder(0.1, 0.1, 0.2, 0.2),
                loss_cls=dict(type='CrossEntropyLoss'),
                loss_bbox=dict(type='L1Loss'),
            ),
        ),
        train_cfg=ConfigDict(
            rpn=dict(
                assigner=assigner(0.7, 0.3),
                sampler=sampler(64),
                allowed_border=-1,
                pos_weight=-1,
            ),
            rpn_proposal=proposals,
            rcnn=dict(
                assigner=assigner(0.5, 0.5),
                pos_weight=-1,
                sampler=dict(sampler(32), add_gt_as_proposals=True),
            ),
        ),
        test_cfg=ConfigDict(
            rpn=proposals, rcnn=dict(score_thr=0.0, nms=nms, max_per_img=10)
        ),
    )


@pytest.fixture
def batch():
    sample = DetDataSample(
        metainfo=dict(
            img_shape=(128, 96),
            ori_shape=(128, 96),
            scale_factor=(1.0, 1.0),
            batch_input_shape=(128, 96),
            pad_shape=(128, 96),
        )
    )
    sample.gt_instances = InstanceData(
        bboxes=torch.tensor([[20.0, 30.0, 60.0, 70.0]]), labels=torch.tensor([0])
    )
    image = torch.randint(
        0,
        256,
        (3, 128, 96),
        dtype=torch.uint8,
        generator=torch.Generator().manual_seed(1),
    )
    return dict(inputs=[image], data_samples=[sample])


@pytest.mark.parametrize('autocast', [False, True])
def test_one_training_step_reaches_every_parameter(detector, batch, autocast):
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        losses = detector(**detector.data_preprocessor(batch, True), mode='loss')
        loss, logged = detector.parse_losses(losses)
    assert set(logged) == {
        'loss',
        'loss_rpn_cls',
        'loss_rpn_bbox',
        'loss_cls',
        'loss_bbox',
        'acc',
    }
    loss.backward()
    for name, parameter in detector.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
    for part in (
        detector.backbone.layer2,
        detector.rpn_head,
        detector.roi_head.bbox_head.shared_fcs,
    ):
        assert any(p.grad.abs().sum() > 0 for p in part.parameters())


def test_prediction(detector, batch):
    detector.eval()
    with torch.no_grad():
        (sample,) = detector.test_step(batch)
    found = sample.pred_instances
    assert 0 < len(found) <= 10
    assert (found.bboxes >= 0).all()
    assert (found.bboxes <= torch.tensor([96.0, 128.0, 96.0, 128.0])).all()
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
