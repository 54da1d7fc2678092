"""Places of boxes where a model runs in half precision."""

import mammo_plugins  # noqa: F401 isort: skip (bridges mmcv.ops)

import pytest
import torch
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData, PixelData

from mammo_plugins.engine.half_precision import in_float32, keep_places_in_float32
from mammo_plugins.registry import MODELS


def rpn():
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mmdet'):
        head = MODELS.build(
            dict(
                type='RPNHead',
                in_channels=4,
                feat_channels=4,
                anchor_generator=dict(
                    type='AnchorGenerator', scales=[0.36], ratios=[1.0], strides=[64]
                ),
                bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
                loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True),
                loss_bbox=dict(type='L1Loss'),
                test_cfg=ConfigDict(
                    nms_pre=-1,
                    max_per_img=1000,
                    nms=dict(type='nms', iou_threshold=1.0),
                    min_bbox_size=0,
                ),
            )
        )
    for parameter in head.parameters():  # of any size: boxes are the anchors
        torch.nn.init.normal_(parameter, std=0.1)
    torch.nn.init.zeros_(head.rpn_reg.weight)
    torch.nn.init.zeros_(head.rpn_reg.bias)
    return head.eval()


def boxes(head, half):
    """Proposals far down an image of 4096 x 256 pixels."""
    features = (torch.rand(1, 4, 64, 4, generator=torch.Generator().manual_seed(0)),)
    sample = DetDataSample(metainfo=dict(img_shape=(4096, 256), scale_factor=(1, 1)))
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16, enabled=half):
        (found,) = head.predict(features, [sample])
    places = found.bboxes.double() @ torch.tensor([1.0, 4096.0, 0.0, 0.0]).double()
    return found.bboxes[places.argsort()]


def test_anchors_of_mmdet_stay_where_they_are():
    head = rpn()
    exact = boxes(head, half=False)
    rounded = boxes(head, half=True)
    # 16 pixels a step beyond 2048
    assert rounded.shape != exact.shape or (rounded - exact).abs().max() > 4
    handles = keep_places_in_float32(head)
    kept = boxes(head, half=True)
    assert kept.dtype == torch.float32
    torch.testing.assert_close(kept, exact)
    for handle in handles:
        handle.remove()
    assert boxes(head, half=True).shape == rounded.shape


def test_rois_of_mmdet_stay_where_they_are():
    extractor = SingleRoIExtractor(
        dict(type='RoIAlign', output_size=1, sampling_ratio=2), 1, [4]
    )
    # a ramp of one grey value a cell, so that a RoI tells where it is
    ramp = torch.arange(1024.0).expand(1, 1, 1, 1024) / 4
    rois = torch.tensor([[0.0, 3001.0, 0.0, 3009.0, 4.0]])
    wanted = extractor((ramp,), rois).item()
    half = extractor((ramp.bfloat16(),), rois).item()
    keep_places_in_float32(extractor)
    kept = extractor((ramp.bfloat16(),), rois).item()
    # features are rounded to 1 here, places no more
    assert abs(kept - wanted) <= 0.5
    assert abs(kept - wanted) < abs(half - wanted) or half == kept


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_results_come_in_float32(dtype):
    sample = DetDataSample(
        pred_instances=InstanceData(
            bboxes=torch.rand(3, 4).to(dtype), labels=torch.arange(3)
        ),
        pred_sem_seg=PixelData(probability=torch.rand(1, 4, 4).to(dtype)),
    )
    (found,), rest = in_float32(([sample], ['text', 1.0, None, torch.ones(2).double()]))
    assert found is sample
    assert found.pred_instances.bboxes.dtype == torch.float32
    assert found.pred_instances.labels.dtype == torch.int64
    assert found.pred_sem_seg.probability.dtype == torch.float32
    assert rest[:3] == ['text', 1.0, None] and rest[3].dtype == torch.float64
