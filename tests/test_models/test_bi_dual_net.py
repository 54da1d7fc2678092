"""BiDualNet: batches with missing views, predictions, and whether it learns."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import PixelData

from mammo_plugins.models import BiDualNet, map_to_boxes
from mammo_plugins.registry import MODELS
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

W4 = dict(
    stage1=dict(
        num_modules=1,
        num_branches=1,
        block='BOTTLENECK',
        num_blocks=(1,),
        num_channels=(4,),
    ),
    stage2=dict(
        num_modules=1,
        num_branches=2,
        block='BASIC',
        num_blocks=(1, 1),
        num_channels=(4, 8),
    ),
    stage3=dict(
        num_modules=1,
        num_branches=3,
        block='BASIC',
        num_blocks=(1, 1, 1),
        num_channels=(4, 8, 16),
    ),
    stage4=dict(
        num_modules=1,
        num_branches=4,
        block='BASIC',
        num_blocks=(1, 1, 1, 1),
        num_channels=(4, 8, 16, 32),
    ),
)
HRNET = dict(
    backbone=dict(type='mammo.SiameseHRNet', extra=W4, in_channels=1),
    decode_head=dict(type='mammo.HRNetV2Head', in_channels=(4, 8, 16, 32), channels=16),
)
DEEPLAB = dict(
    backbone=dict(
        type='mammo.SiameseResNet',
        depth=18,
        base_channels=8,
        in_channels=1,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        out_indices=(3,),
    ),
    decode_head=dict(
        type='mammo.ASPPHead', in_channels=64, channels=16, dilations=(1, 2)
    ),
)
PLAIN = dict(
    HRNET, backbone=dict(type='mmdet.HRNet', extra=W4, in_channels=1), auxiliary=None
)


def build(config=HRNET, **kwargs):
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='mammo.BiDualNet',
            data_preprocessor=dict(
                type='mammo.MultiViewDataPreprocessor',
                num_channels=1,
                pad_size_divisor=32,
            ),
            **config,
            **kwargs,
        )
    )
    model.init_weights()
    assert isinstance(model, BiDualNet)
    return model


def exam(seed, partner=True, size=(64, 96), scale=(1.0, 1.0)):
    """A dark noisy image with a bright disc; the other breast has none."""
    generator = torch.Generator().manual_seed(seed)
    height, width = size
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
    cy, cx = 20 + 8 * (seed % 3), 24 + 20 * (seed % 2)
    disc = ((y - cy) ** 2 + (x - cx) ** 2 <= 64)[None]
    noise = [0.1 * torch.rand(1, *size, generator=generator) for _ in range(2)]
    sample = MultiViewDataSample()
    sample.main = DetDataSample(
        metainfo=dict(img_id=seed, img_shape=size, scale_factor=scale),
        gt_sem_seg=PixelData(sem_seg=disc.to(torch.uint8)),
    )
    if partner:
        sample.bilateral = DetDataSample(
            metainfo=dict(img_shape=size),
            gt_sem_seg=PixelData(sem_seg=torch.zeros_like(disc)),
        )
    inputs = dict(main=noise[0] + 0.5 * disc, bilateral=noise[1] if partner else None)
    return dict(inputs=inputs, data_samples=sample)


def batch(model, *exams, training=True):
    data = dict(
        inputs={
            name: [e['inputs'][name] for e in exams] for name in ('main', 'bilateral')
        },
        data_samples=[e['data_samples'] for e in exams],
    )
    return model.data_preprocessor(data, training)


@pytest.mark.parametrize('config', [HRNET, DEEPLAB, PLAIN])
@pytest.mark.parametrize('partners', [(True, True), (True, False), (False, False)])
def test_losses_and_gradients(config, partners):
    model = build(config)
    data = batch(model, *(exam(i, p) for i, p in enumerate(partners)))
    losses = model(**data, mode='loss')
    assert list(losses) == ['loss_map']
    losses['loss_map'].backward()
    assert 0 < losses['loss_map'] < 10
    # distributed training expects a gradient for every parameter
    assert all(p.grad is not None for p in model.parameters())


def test_the_partner_tells():
    model = build()
    data = batch(model, exam(0), exam(1))
    both = model(**data, mode='tensor')
    data['inputs']['bilateral'] = data['inputs']['bilateral'].flip(0)
    assert not torch.allclose(both, model(**data, mode='tensor'), atol=1e-6)


def test_a_sample_keeps_its_own_partner():
    """Where the first sample lacks a partner, the second still gets its own."""
    model = build()
    model.eval()
    mixed = model(**batch(model, exam(0, False), exam(1)), mode='tensor')
    alone = [
        model(**batch(model, exam(0, False)), mode='tensor'),
        model(**batch(model, exam(1)), mode='tensor'),
    ]
    torch.testing.assert_close(mixed, torch.cat(alone))


@pytest.mark.parametrize('config', [HRNET, DEEPLAB])
def test_predictions_do_not_depend_on_the_batch(config):
    model = build(config, test_cfg=dict(min_score=0.0))
    model.eval()
    exams = [
        exam(0, size=(64, 96), scale=(0.5, 0.25)),
        exam(1, partner=False, size=(100, 70)),
        exam(2, size=(90, 130)),
    ]
    with torch.no_grad():
        together = model(**batch(model, *exams, training=False), mode='predict')
        boxes = [s.pred_instances.bboxes.clone() for s in together]
        for each, expected in zip(exams, boxes):
            (alone,) = model(**batch(model, each, training=False), mode='predict')
            assert alone.img_id == each['data_samples'].main.img_id
            torch.testing.assert_close(alone.pred_instances.bboxes, expected)
    assert any(len(b) for b in boxes)


def test_predictions_are_the_maps_in_the_files_pixels():
    model = build(test_cfg=dict(min_score=0.0, max_per_img=7))
    model.eval()
    each = exam(0, size=(70, 90), scale=(0.5, 0.25))
    data = batch(model, each, training=False)
    with torch.no_grad():
        drawn = model.probability_map(
            data['inputs']['main'], data['inputs']['bilateral']
        )
        assert drawn.shape == (1, 1, 96, 96)
        assert 0 < drawn.min() <= drawn.max() < 1
        boxes, scores = map_to_boxes(
            drawn[0, 0, :70, :90], min_score=0.0, max_per_img=7
        )
        (found,) = model.predict(**data)
        found = found.pred_instances
        assert 0 < len(found) <= 7
        torch.testing.assert_close(
            found.bboxes, boxes / boxes.new_tensor([0.5, 0.25, 0.5, 0.25])
        )
        torch.testing.assert_close(found.scores, scores)
        assert found.labels.tolist() == [0] * len(found)
        (unscaled,) = model.predict(**data, rescale=False)
        torch.testing.assert_close(unscaled.pred_instances.bboxes, boxes)


def test_learns_a_few_images():
    model = build()
    model.train()
    exams = [exam(i, partner=i != 2, size=(64, 64)) for i in range(3)]
    data = batch(model, *exams)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(50):
        loss = model(**data, mode='loss')['loss_map']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        for sample in model.predict(**data):
            y, x = sample.gt_sem_seg.sem_seg[0].nonzero().T
            truth = torch.tensor([x.min(), y.min(), x.max() + 1, y.max() + 1])
            best = sample.pred_instances[0]
            overlap = _iou(best.bboxes[0], truth)
            assert overlap > 0.4 and best.scores[0] > 0.4, (overlap, best)


def _iou(a, b):
    low, high = torch.maximum(a[:2], b[:2]), torch.minimum(a[2:], b[2:])
    shared = (high - low).clamp(min=0).prod()
    return shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared)
