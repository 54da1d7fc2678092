"""The RoI head that samples all images at once, beside mmdet's."""

from pathlib import Path

import pytest
import torch
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.structures import DetDataSample
from mmengine.config import Config, ConfigDict
from mmengine.structures import InstanceData
from torch.profiler import ProfilerActivity, profile

from mammo_plugins.models import BatchedRoIHead
from mammo_plugins.registry import MODELS

CHANNELS, SIZE = 3, 64


def config(sampler=None, assigner=None, **head):
    """Config of a head that takes all proposals, unless the sampler says otherwise."""
    return dict(
        bbox_roi_extractor=dict(
            type='mmdet.SingleRoIExtractor',
            roi_layer=dict(type='RoIAlign', output_size=3, sampling_ratio=2),
            out_channels=CHANNELS,
            featmap_strides=[4, 8],
            finest_scale=14,
        ),
        bbox_head=dict(
            dict(
                type='mammo.SyncedBBoxHead',
                in_channels=CHANNELS,
                fc_out_channels=8,
                roi_feat_size=3,
                num_classes=2,
                reg_decoded_bbox=True,
                bbox_coder=dict(type='mmdet.DeltaXYWHBBoxCoder'),
                cls_predictor_cfg=dict(type='mmdet.Linear'),
                reg_predictor_cfg=dict(type='mmdet.Linear'),
                loss_cls=dict(type='mammo.RoIFocalLoss'),
                loss_bbox=dict(type='mmdet.DIoULoss'),
            ),
            **head,
        ),
        train_cfg=ConfigDict(
            assigner=dict(
                dict(
                    type='mammo.IgnoringMaxIoUAssigner',
                    pos_iou_thr=0.5,
                    neg_iou_thr=0.4,
                    min_pos_iou=0.5,
                    match_low_quality=False,
                    ignore_iof_thr=0.5,
                    iou_calculator=dict(type='mmdet.BboxOverlaps2D'),
                ),
                **(assigner or {}),
            ),
            sampler=dict(
                dict(
                    type='mmdet.RandomSampler',
                    num=10000,
                    pos_fraction=1.0,
                    add_gt_as_proposals=True,
                ),
                **(sampler or {}),
            ),
            pos_weight=2.0,
        ),
    )


def heads(**options):
    """Ours and mmdet's, with the same weights."""
    torch.manual_seed(0)
    made = [kind(**config(**options)) for kind in (BatchedRoIHead, StandardRoIHead)]
    for part in made[0].parameters():
        torch.nn.init.normal_(part, std=0.1)
    made[1].load_state_dict(made[0].state_dict())
    return made


def boxes_in(generator, number):
    corner = torch.rand(number, 2, generator=generator) * 40
    return torch.cat(
        [corner, corner + 4 + 20 * torch.rand(number, 2, generator=generator)], dim=1
    )


def made_batch(seed, images=4, proposals=30):
    """Features, proposals and samples; images with and without lesions and regions."""
    generator = torch.Generator().manual_seed(seed)
    feats = tuple(
        torch.randn(images, CHANNELS, SIZE // s, SIZE // s, generator=generator)
        for s in (4, 8)
    )
    found, samples = [], []
    for i in range(images):
        gts = boxes_in(generator, (i + seed) % 4)
        near = gts.repeat(3, 1) + torch.randn(3 * len(gts), 4, generator=generator)
        number = proposals * (i % 3 != 2)
        found.append(
            InstanceData(bboxes=torch.cat([near, boxes_in(generator, number)])[:number])
        )
        regions = boxes_in(generator, i % 2)
        samples.append(
            DetDataSample(
                metainfo=dict(img_shape=(SIZE, SIZE)),
                gt_instances=InstanceData(
                    bboxes=gts, labels=torch.arange(len(gts)) % 2
                ),
                ignored_instances=InstanceData(
                    bboxes=regions, labels=torch.zeros(len(regions)).long()
                ),
            )
        )
    return feats, found, samples


def of_mmdet(head, proposals, samples):
    """What mmdet's own functions make of each image, as :meth:`sample` returns it."""
    sampled = []
    for found, sample in zip(proposals, samples):
        found = InstanceData(priors=found.bboxes)
        assigned = head.bbox_assigner.assign(
            found, sample.gt_instances, sample.ignored_instances
        )
        sampled.append(head.bbox_sampler.sample(assigned, found, sample.gt_instances))
    numbers = torch.cat(
        [torch.full((len(one.priors), 1), float(i)) for i, one in enumerate(sampled)]
    )
    rois = torch.cat([numbers, torch.cat([one.priors for one in sampled])], dim=1)
    return rois, *head.bbox_head.get_targets(sampled, head.train_cfg)


def in_order(parts):
    """Rows of several tensors side by side, sorted."""
    rows = torch.cat([part.float().reshape(len(part), -1) for part in parts], dim=1)
    return torch.tensor(sorted(rows.tolist()))


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize(
    'options',
    [{}, dict(reg_decoded_bbox=False), dict(sampler=dict(add_gt_as_proposals=False))],
    ids=str,
)
def test_rois_and_targets_are_mmdets(seed, options):
    ours, theirs = heads(**options)
    _, proposals, samples = made_batch(seed)
    found = ours.sample(
        proposals,
        [s.gt_instances for s in samples],
        [s.ignored_instances for s in samples],
    )
    images = found.rois[:, 0]
    assert torch.equal(images, images.sort().values)
    wanted = in_order(of_mmdet(theirs, proposals, samples))
    # encoded targets may be others by the last bit, by where in memory they are
    torch.testing.assert_close(in_order(found), wanted, rtol=1e-6, atol=1e-6)
    assert {0, 1, 2} == set(found.labels.tolist())


@pytest.mark.parametrize(
    'options',
    [
        {},
        dict(reg_decoded_bbox=False, loss_bbox=dict(type='mmdet.L1Loss')),
        dict(reg_class_agnostic=True),
        dict(loss_cls=dict(type='mmdet.CrossEntropyLoss')),
    ],
    ids=str,
)
def test_losses_and_gradients_are_mmdets(options):
    results = []
    for head in heads(**options):
        feats, proposals, samples = made_batch(1)
        leaves = [level.requires_grad_() for level in feats]
        losses = head.loss(tuple(leaves), proposals, samples)
        total = losses['loss_cls'] + losses['loss_bbox']
        results.append(
            (losses, torch.autograd.grad(total, [*leaves, *head.parameters()]))
        )
    torch.testing.assert_close(*results)


@pytest.mark.parametrize('images', [1, 3])
def test_without_proposals_and_lesions_the_loss_is_nothing(images):
    ours, _ = heads()
    feats, proposals, samples = made_batch(0, images)
    proposals = [found[:0] for found in proposals]
    for sample in samples:
        sample.gt_instances = sample.gt_instances[:0]
    losses = ours.loss(feats, proposals, samples)
    total = losses['loss_cls'] + losses['loss_bbox']
    assert total == 0
    total.backward()
    assert all(p.grad is not None for p in ours.parameters())


def test_as_many_as_the_sampler_says():
    ours, _ = heads(sampler=dict(num=16, pos_fraction=0.25))
    _, proposals, samples = made_batch(3)
    found = ours.sample(
        proposals,
        [s.gt_instances for s in samples],
        [s.ignored_instances for s in samples],
    )
    numbers = found.rois[:, 0].long().bincount(minlength=4)
    positives = found.rois[found.labels < 2, 0].long().bincount(minlength=4)
    # of the third image there are but its 1 lesion
    assert numbers.tolist() == [16, 16, 1, 16]
    assert positives.tolist() == [4, 0, 1, 2]


@pytest.mark.parametrize(
    'options',
    [
        dict(assigner=dict(type='mmdet.MaxIoUAssigner')),
        dict(assigner=dict(gpu_assign_thr=1)),
        dict(sampler=dict(type='mmdet.PseudoSampler')),
    ],
    ids=str,
)
def test_with_other_settings_it_goes_mmdets_way(options, monkeypatch):
    ours, theirs = heads(**options)
    monkeypatch.setattr(BatchedRoIHead, 'sample', None)
    losses = [head.loss(*made_batch(1)) for head in (ours, theirs)]
    torch.testing.assert_close(*losses)


def test_a_box_head_of_other_targets_goes_mmdets_way(monkeypatch):
    ours, theirs = heads()
    for head in (ours, theirs):
        kind = type(head.bbox_head)
        head.bbox_head.__class__ = type(
            'WithOtherTargets',
            (kind,),
            dict(
                get_targets=lambda *args, kind=kind, **kwargs: tuple(
                    part * factor
                    for part, factor in zip(
                        kind.get_targets(*args, **kwargs), (1, 3, 2, 1)
                    )
                )
            ),
        )
    monkeypatch.setattr(BatchedRoIHead, 'sample', None)
    torch.testing.assert_close(*(head.loss(*made_batch(1)) for head in (ours, theirs)))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_rois_of_half_precision_are_not_rounded(dtype):
    """Features of a strip that rises by 1/256 a pixel, far from its start."""
    ours, _ = heads()
    strip = (torch.arange(1000) % 256 / 256).repeat(1, CHANNELS, 8, 1)
    rois = torch.tensor([[0, 3093.0, 4.0, 3111.0, 20.0]])
    exact = ours._roi_feats((strip, strip), rois)
    found = ours._roi_feats((strip.to(dtype), strip.to(dtype)), rois)
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), exact, rtol=0.01, atol=1e-3)


def test_a_step_under_autocast():
    ours, _ = heads()
    plain = heads()[0].loss(*made_batch(1))
    with torch.autocast('cpu', torch.bfloat16):
        half = ours.loss(*made_batch(1))
    assert half['loss_cls'].dtype == half['loss_bbox'].dtype == torch.float
    torch.testing.assert_close(half['loss_cls'], plain['loss_cls'], rtol=0.02, atol=0)


def test_waiting_does_not_grow_with_the_images():
    head, _ = heads(sampler=dict(num=16, pos_fraction=0.25))
    counted = []
    for images in (1, 16):
        batch = made_batch(1, images)
        with profile(activities=[ProfilerActivity.CPU]) as events:
            head.loss(*batch)
        counts = {event.key: event.count for event in events.key_averages()}
        counted.append(
            [
                counts.get(name, 0)
                for name in (
                    'aten::nonzero',
                    'aten::item',
                    'aten::_unique2',
                    'aten::equal',
                )
            ]
        )
    assert counted[0] == counted[1] and counted[0][0] == 4  # two of them by level


def test_the_baseline_takes_it():
    base = Config.fromfile(
        Path(__file__).parents[2]
        / 'configs'
        / 'baselines'
        / 'faster-rcnn_hrnetv2p-w8_phantom.py'
    )
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(base.model)
    assert model.roi_head.batched
    assert model.rpn_head.batched and model.rpn_head.batched_targets
