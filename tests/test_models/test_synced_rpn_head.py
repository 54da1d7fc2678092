"""The RPN that sees all images at once, beside mmdet's from image to image."""

import warnings

import pytest
import torch
from mmdet.models import RPNHead
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch.profiler import ProfilerActivity, profile

from mammo_plugins.models import SyncedRPNHead
from mammo_plugins.models.dense_heads.batch_proposals import best_rows

STRIDES = (4, 8, 16, 32)
HEIGHT, WIDTH = 96, 64
PROPOSALS = ConfigDict(
    nms_pre=60, max_per_img=40, min_bbox_size=0, nms=dict(type='nms', iou_threshold=0.5)
)


def settings(**train):
    """Config of a head, what differs in ``train_cfg`` given."""
    assigner = dict(
        type='mammo.IgnoringMaxIoUAssigner',
        pos_iou_thr=0.5,
        neg_iou_thr=0.3,
        min_pos_iou=0.2,
        ignore_iof_thr=0.5,
        iou_calculator=dict(type='mmdet.BboxOverlaps2D'),
    )
    assigner.update(train.pop('assigner', {}))
    return dict(
        in_channels=3,
        feat_channels=3,
        num_classes=1,
        anchor_generator=dict(
            type='mmdet.AnchorGenerator',
            scales=[2, 4],
            ratios=[0.5, 1.0, 2.0],
            strides=STRIDES,
        ),
        bbox_coder=dict(
            type='mmdet.DeltaXYWHBBoxCoder', target_stds=(0.5, 0.5, 1.0, 1.0)
        ),
        reg_decoded_bbox=True,
        loss_cls=dict(type='mmdet.FocalLoss', use_sigmoid=True),
        loss_bbox=dict(type='mmdet.DIoULoss'),
        test_cfg=PROPOSALS,
        train_cfg=ConfigDict(
            assigner=assigner, **dict(dict(allowed_border=-1, pos_weight=-1), **train)
        ),
    )


def heads(**options):
    """Ours and mmdet's, with the same weights."""
    ours, theirs = (kind(**options) for kind in (SyncedRPNHead, RPNHead))
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def boxes_in(generator, number):
    corner = torch.rand(number, 2, generator=generator) * torch.tensor([44.0, 70.0])
    size = torch.rand(number, 2, generator=generator) * 24 + 3
    return torch.cat([corner, corner + size], dim=1)


def instances(boxes):
    return InstanceData(bboxes=boxes, labels=torch.zeros(len(boxes)).long())


def made_batch(seed, images=3):
    """Maps, ground truths, regions to be ignored, and meta of images of many sizes."""
    generator = torch.Generator().manual_seed(seed)
    maps = [
        [
            torch.randn(images, channels, HEIGHT // s, WIDTH // s, generator=generator)
            for s in STRIDES
        ]
        for channels in (6, 24)
    ]
    numbers = torch.randint(0, 6, (images,), generator=generator)
    gts = [instances(boxes_in(generator, n)) for n in numbers.tolist()]
    if len(gts[0]):  # two on one spot, and one on an anchor
        gts[0] = instances(
            torch.cat(
                [
                    gts[0].bboxes,
                    gts[0].bboxes[:1],
                    torch.tensor([[8.0, 8.0, 24.0, 24.0]]),
                ]
            )
        )
    ignored = [instances(boxes_in(generator, i % 3)) for i in range(images)]
    metas = [
        dict(
            img_shape=(HEIGHT - 7 * i % 30, WIDTH - 5 * i % 20),
            pad_shape=(HEIGHT - 8 * (i % 3), WIDTH - 16 * (i % 2)),
        )
        for i in range(images)
    ]
    return maps, gts, ignored, metas


def by_anchor(levels):
    """Targets of mmdet, by level, as (B, N, ...)."""
    return torch.cat(levels, dim=1)


@pytest.mark.parametrize('seed', range(6))
@pytest.mark.parametrize('decoded', [True, False])
@pytest.mark.parametrize(
    'train',
    [
        {},
        dict(pos_weight=2.0),
        dict(assigner=dict(gt_max_assign_all=False)),
        dict(assigner=dict(match_low_quality=False, neg_iou_thr=(0.1, 0.3))),
        dict(assigner=dict(ignore_wrt_candidates=False, min_pos_iou=0.0)),
    ],
    ids=str,
)
def test_targets_are_mmdets(seed, decoded, train):
    ours, theirs = heads(**dict(settings(**train), reg_decoded_bbox=decoded))
    maps, gts, ignored, metas = made_batch(seed)
    anchors, flags = theirs.get_anchors([m.shape[-2:] for m in maps[0]], metas, 'cpu')
    labels, weights, boxes, of_boxes, divisor = theirs.get_targets(
        anchors, flags, gts, metas, ignored
    )
    valid = ours._valid(maps[0], metas)
    assert torch.equal(valid, torch.stack([torch.cat(flag) for flag in flags]))
    assert not valid.all()
    found = ours.batch_targets(torch.cat(anchors[0]), valid, gts, ignored)
    assert torch.equal(found.labels, by_anchor(labels))
    assert torch.equal(found.label_weights, by_anchor(weights))
    rows = by_anchor(of_boxes)[..., 0].flatten().nonzero()[:, 0]
    assert torch.equal(found.positives, rows)
    assert torch.equal(found.bbox_targets, by_anchor(boxes).flatten(0, 1)[rows])
    assert found.avg_factor == divisor


def test_made_batches_hold_all_cases():
    """Else the tests above would show little."""
    head = SyncedRPNHead(**settings())
    kinds = set()
    for seed in range(6):
        maps, gts, ignored, metas = made_batch(seed)
        found = head.batch_targets(
            torch.cat(head._anchors(maps[0])), None, gts, ignored
        )
        for gt, regions, weights, labels in zip(
            gts, ignored, found.label_weights, found.labels
        ):
            kinds.add(
                (
                    len(gt) > 0,
                    len(regions) > 0,
                    bool((weights == 0).any()),
                    bool((labels == 0).any()),
                )
            )
    assert {
        (True, True, True, True),
        (False, True, True, False),
        (False, False, False, False),
        (True, False, True, True),
    } <= kinds


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize(
    'options',
    [
        {},
        dict(reg_decoded_bbox=False, loss_bbox=dict(type='mmdet.L1Loss')),
        dict(loss_cls=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True)),
    ],
    ids=str,
)
def test_losses_and_gradients_are_mmdets(seed, options):
    maps, gts, ignored, metas = made_batch(seed)
    sums, gradients = [], []
    for head in heads(**dict(settings(), **options)):
        leaves = [[m.clone().requires_grad_() for m in levels] for levels in maps]
        losses = head.loss_by_feat(*leaves, gts, metas, ignored)
        sums.append({name: sum(parts) for name, parts in losses.items()})
        gradients.append(
            torch.autograd.grad(sum(sums[-1].values()), leaves[0] + leaves[1])
        )
    assert set(sums[0]) == set(sums[1]) == {'loss_rpn_cls', 'loss_rpn_bbox'}
    torch.testing.assert_close(sums[0], sums[1])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_without_lesions_all_maps_have_gradients():
    """Other processes wait for each of them."""
    maps, _, _, metas = made_batch(0)
    leaves = [[m.clone().requires_grad_() for m in levels] for levels in maps]
    losses = SyncedRPNHead(**settings()).loss_by_feat(
        *leaves, [instances(torch.zeros(0, 4))] * 3, metas
    )
    assert losses['loss_rpn_bbox'][0] == 0
    sum(sum(parts) for parts in losses.values()).backward()
    assert all(m.grad is not None for levels in leaves for m in levels)


def assert_same_proposals(ours, theirs):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs):
        assert len(one) == len(other)
        assert torch.equal(one.bboxes, other.bboxes)
        # a sigmoid may be another by the last bit, by where in memory it is taken
        torch.testing.assert_close(one.scores, other.scores, rtol=1e-6, atol=0)
        assert one.labels.dtype == torch.long and not one.labels.any()


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize(
    'cfg',
    [
        {},
        dict(nms_pre=-1, max_per_img=1000),
        dict(nms_pre=7),
        dict(min_bbox_size=12),
        dict(min_bbox_size=-1, max_per_img=3),
        dict(min_bbox_size=1000),
        dict(nms=dict(type='nms', iou_threshold=0.9), max_per_img=300),
    ],
    ids=str,
)
def test_proposals_are_mmdets(seed, cfg, monkeypatch):
    (scores, deltas), _, _, metas = made_batch(seed)
    if seed % 2:  # many alike, whose order mmdet leaves to chance
        scores = [(2 * level).round() for level in scores]
        sort = torch.Tensor.sort
        monkeypatch.setattr(
            torch.Tensor,
            'sort',
            lambda *args, **kwargs: sort(*args, **dict(kwargs, stable=True)),
        )
    ours, theirs = (
        head.predict_by_feat(
            scores, deltas, batch_img_metas=metas, cfg=ConfigDict(PROPOSALS, **cfg)
        )
        for head in heads(**settings())
    )
    assert_same_proposals(ours, theirs)


@pytest.mark.parametrize('images', [1, 16])
def test_batches_of_any_size(images):
    (scores, deltas), _, _, metas = made_batch(9, images)
    assert_same_proposals(
        *(
            head.predict_by_feat(scores, deltas, batch_img_metas=metas)
            for head in heads(**settings())
        )
    )


def test_best_rows_are_those_of_a_stable_sort():
    scores = torch.rand(4, 300, generator=torch.Generator().manual_seed(0))
    scores[1:] = (scores[1:] * 9).round() / 9
    wanted = scores.sort(dim=1, descending=True, stable=True).indices[:, :120]
    assert torch.equal(best_rows(scores, 120), wanted)


@pytest.mark.parametrize(
    'train',
    [
        dict(allowed_border=0),
        dict(assigner=dict(type='mmdet.MaxIoUAssigner')),
        dict(assigner=dict(gpu_assign_thr=1)),
        dict(
            sampler=dict(
                type='mmdet.RandomSampler',
                num=10000,
                pos_fraction=1.0,
                add_gt_as_proposals=False,
            )
        ),
    ],
    ids=str,
)
def test_with_other_settings_it_goes_mmdets_way(train, monkeypatch):
    ours, theirs = heads(**settings(**train))
    maps, gts, ignored, metas = made_batch(1)
    metas = [dict(meta, pad_shape=(HEIGHT, WIDTH)) for meta in metas]
    monkeypatch.setattr(ours, 'batch_targets', None)
    found, wanted = (
        {
            name: sum(parts)
            for name, parts in head.loss_by_feat(*maps, gts, metas, ignored).items()
        }
        for head in (ours, theirs)
    )
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize(
    'nms',
    [
        dict(type='soft_nms', iou_threshold=0.5),
        None,
        dict(type='nms', iou_threshold=0.5, class_agnostic=True),
    ],
    ids=str,
)
def test_with_other_suppression_it_goes_mmdets_way(nms):
    (scores, deltas), _, _, metas = made_batch(1)
    assert_same_proposals(
        *(
            head.predict_by_feat(
                scores,
                deltas,
                batch_img_metas=metas,
                cfg=ConfigDict(PROPOSALS, nms=nms),
            )
            for head in heads(**settings())
        )
    )


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_boxes_of_half_precision_are_not_rounded(dtype):
    """Far from the origin a number of 16 bits is no single pixel."""
    head = SyncedRPNHead(
        **dict(
            settings(),
            anchor_generator=dict(
                type='mmdet.AnchorGenerator', scales=[2], ratios=[1.0], strides=[4]
            ),
        )
    )
    scores = torch.full((1, 1, 1, 800), -9.0, dtype=dtype)
    scores[..., 777] = 9
    deltas = torch.zeros(1, 4, 1, 800, dtype=dtype)
    (found,) = head.predict_by_feat(
        [scores],
        [deltas],
        batch_img_metas=[dict(img_shape=(50, 4000))],
        cfg=ConfigDict(PROPOSALS, max_per_img=1),
    )
    assert found.bboxes.tolist() == [[3104.0, 0.0, 3112.0, 4.0]]
    gt = [instances(torch.tensor([[3104.0, -4.0, 3112.0, 4.0]]))]
    losses = head.loss_by_feat([scores], [deltas], gt, [dict(pad_shape=(4, 3200))])
    assert losses['loss_rpn_bbox'][0] < 1e-6
    assert losses['loss_rpn_cls'][0].dtype == torch.float


def waits(run):
    """How often a device would be waited for, by what a CPU calls for it."""
    with profile(activities=[ProfilerActivity.CPU]) as events:
        run()
    counts = {event.key: event.count for event in events.key_averages()}
    return {
        name: counts.get(name, 0)
        for name in (
            'aten::nonzero',
            'aten::item',
            'aten::_local_scalar_dense',
            'aten::is_nonzero',
            'aten::unique_dim',
            'aten::_unique2',
            'aten::equal',
        )
    }


def test_waiting_does_not_grow_with_the_images():
    head = SyncedRPNHead(**settings())
    counted = []
    for images in (1, 16):
        (scores, deltas), gts, ignored, metas = made_batch(9, images)
        counted.append(
            waits(
                lambda: (
                    head.loss_by_feat(scores, deltas, gts, metas, ignored),
                    head.predict_by_feat(scores, deltas, batch_img_metas=metas),
                )
            )
        )
    assert counted[0] == counted[1]
    assert counted[0].pop('aten::nonzero') == 1  # where the positives are
    # on a CPU mmdet's focal loss looks for the least and greatest label
    assert set(counted[0].values()) <= {0, 2}


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
def test_a_gpu_is_waited_for_as_often_for_many_images_as_for_one():
    head = SyncedRPNHead(**settings()).cuda()
    counted = []
    for images in (1, 16):
        maps, gts, ignored, metas = made_batch(9, images)
        scores, deltas = ([level.cuda() for level in levels] for levels in maps)
        gts, ignored = ([one.cuda() for one in many] for many in (gts, ignored))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter('always')
            torch.cuda.set_sync_debug_mode('warn')
            try:
                head.loss_by_feat(scores, deltas, gts, metas, ignored)
                head.predict_by_feat(scores, deltas, batch_img_metas=metas)
            finally:
                torch.cuda.set_sync_debug_mode('default')
        counted.append(sum('synchroniz' in str(one.message) for one in said))
    # suppression may have longer chains to follow
    assert 0 < counted[1] <= counted[0] + 2
