"""The RoI head beside mmdet's, which it must be where there is no partner."""

import copy
import math

import numpy as np
import pytest
import torch
from mmdet.models import StandardRoIHead
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox2roi
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch.profiler import ProfilerActivity, profile

from mammo_plugins.models.layers import embed_geometry
from mammo_plugins.models.roi_heads import AuxiliaryViews, RelationRoIHead

CHANNELS = 8
TRAIN_CFG = ConfigDict(
    assigner=dict(
        type='mmdet.MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.5, min_pos_iou=0.5
    ),
    sampler=dict(
        type='mmdet.RandomSampler',
        num=16,
        pos_fraction=0.25,
        neg_pos_ub=-1,
        add_gt_as_proposals=True,
    ),
    pos_weight=-1,
)
TEST_CFG = ConfigDict(
    score_thr=0.0, nms=dict(type='nms', iou_threshold=0.5), max_per_img=10
)


def make_head(relation=True, blocks=(1, 1), **kwargs):
    extractor = dict(
        type='mmdet.SingleRoIExtractor',
        roi_layer=dict(type='RoIAlign', output_size=3, sampling_ratio=2),
        out_channels=CHANNELS,
        featmap_strides=[4, 8],
    )
    bbox_head = dict(
        type='mmdet.Shared2FCBBoxHead',
        in_channels=CHANNELS,
        fc_out_channels=12,
        roi_feat_size=3,
        num_classes=1,
        loss_cls=dict(type='mammo.RoIFocalLoss'),
        loss_bbox=dict(type='mmdet.DIoULoss'),
        reg_decoded_bbox=True,
    )
    if relation:
        bbox_head.update(
            type='mammo.RelationBBoxHead',
            num_relation_blocks=blocks,
            num_heads=2,
            key_channels=4,
            embedding_channels=4,
        )
    head = (RelationRoIHead if relation else StandardRoIHead)(
        bbox_roi_extractor=extractor,
        bbox_head=bbox_head,
        **dict(dict(train_cfg=TRAIN_CFG, test_cfg=TEST_CFG), **kwargs),
    )
    torch.manual_seed(0)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return head


def make_pair(**kwargs):
    """Our head and mmdet's with the same weights where both have them."""
    ours, plain = make_head(**kwargs), make_head(relation=False)
    missing = plain.load_state_dict(ours.state_dict(), strict=False)
    assert not missing.missing_keys
    return ours, plain


def boxes_of(generator, n):
    corners = torch.rand(n, 2, generator=generator) * 40
    return torch.cat(
        [corners, corners + 8 + 16 * torch.rand(n, 2, generator=generator)], 1
    )


def views_of(seed, proposals, nipple=(60.0, 30.0), lesions=1, size=(64, 64)):
    """Feature levels, proposals and data samples of one image for each number."""
    g = torch.Generator().manual_seed(seed)
    n = len(proposals)
    feats = tuple(
        torch.randn(n, CHANNELS, size[0] // s, size[1] // s, generator=g)
        for s in (4, 8)
    )
    found = [InstanceData(bboxes=boxes_of(g, k)) for k in proposals]
    samples = []
    for _ in proposals:
        sample = DetDataSample(
            metainfo=dict(img_shape=size, scale_factor=(1.0, 1.0), nipple=nipple)
        )
        sample.gt_instances = InstanceData(
            bboxes=boxes_of(g, lesions), labels=torch.zeros(lesions).long()
        )
        samples.append(sample)
    return feats, found, samples


def loss_of(head, feats, found, samples, **kwargs):
    torch.manual_seed(1)  # the sampler's draws
    return head.loss(feats, copy.deepcopy(found), samples, **kwargs)


def assert_same_losses(ours, theirs):
    assert set(ours) == set(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def assert_same_results(ours, theirs):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert len(a) and torch.equal(a.bboxes, b.bboxes)
        assert torch.equal(a.scores, b.scores)


NIPPLE_IN_MAIN = dict(main=(60.0, 30.0), aux=None)
NIPPLE_IN_AUXILIARY = dict(main=None, aux=(60.0, 30.0))


@pytest.mark.parametrize(
    'case',
    [
        'no auxiliary',
        'none has one',
        NIPPLE_IN_MAIN,
        NIPPLE_IN_AUXILIARY,
        'no proposals',
    ],
)
def test_without_a_usable_partner_it_is_the_single_view_head(case):
    ours, plain = make_pair()
    nipples = (
        case if isinstance(case, dict) else dict.fromkeys(['main', 'aux'], (60.0, 30.0))
    )
    main = views_of(3, [20, 15], nipple=nipples['main'])
    aux = views_of(
        4, [0, 0] if case == 'no proposals' else [9, 7], nipple=nipples['aux']
    )
    auxiliary = AuxiliaryViews(*aux, rows=[0, 1])
    if case == 'none has one':
        auxiliary = AuxiliaryViews(tuple(f[:0] for f in aux[0]), [], [], [])
    if case == 'no auxiliary':
        auxiliary = None
    assert_same_losses(loss_of(ours, *main, auxiliary=auxiliary), loss_of(plain, *main))
    with torch.no_grad():
        for head in (ours, plain):
            head.eval()
        assert_same_results(
            ours.predict(*main, auxiliary=auxiliary), plain.predict(*main)
        )


@pytest.mark.parametrize('blocks', [(1, 1), (0, 0)])
@pytest.mark.parametrize('partners', [1, 2])
def test_images_without_rois_are_trained_on(blocks, partners):
    """Of two images with no RoI, one or both have a partner with proposals."""
    head = make_head(blocks=blocks)
    auxiliary = AuxiliaryViews(*views_of(4, [9, 7][:partners]), range(partners))
    losses = loss_of(head, *views_of(3, [0, 0], lesions=0), auxiliary=auxiliary)
    total = losses['loss_cls'] + losses['loss_bbox']
    total.backward()
    assert total == 0
    assert all(p.grad is not None for p in head.parameters())


@torch.no_grad()
def test_mixed_batch():
    """One sample with partner, one without, one whose nipple is not known."""
    ours, plain = make_pair()
    ours.eval(), plain.eval()
    main, aux = views_of(3, [20, 15, 12]), views_of(4, [9, 7])
    aux[2][1].set_metainfo(dict(nipple=None))
    auxiliary = AuxiliaryViews(*aux, rows=[0, 2])
    found = ours.predict(*main, auxiliary=auxiliary)
    single = plain.predict(*main)
    assert_same_results(found[1:], single[1:])
    assert not torch.equal(found[0].scores, single[0].scores)
    alone = ours.predict(
        tuple(level[:1] for level in main[0]),
        main[1][:1],
        main[2][:1],
        auxiliary=AuxiliaryViews(
            tuple(level[:1] for level in aux[0]), aux[1][:1], aux[2][:1], [0]
        ),
    )
    torch.testing.assert_close(alone[0].scores, found[0].scores)
    torch.testing.assert_close(alone[0].bboxes, found[0].bboxes)


AT_ONCE = ConfigDict(
    TRAIN_CFG,
    assigner=dict(
        type='mammo.IgnoringMaxIoUAssigner',
        pos_iou_thr=0.5,
        neg_iou_thr=0.5,
        min_pos_iou=0.5,
        iou_calculator=dict(type='mmdet.BboxOverlaps2D'),
    ),
)
ALL_ROIS = ConfigDict(
    AT_ONCE, sampler=dict(type='mmdet.RandomSampler', num=1000, pos_fraction=1.0)
)


@pytest.mark.parametrize('blocks', [(1, 1), (0, 0)])
def test_images_at_once_learn_as_one_after_the_other(blocks, monkeypatch):
    """With all RoIs taken, which chance puts in another order."""
    main, aux = views_of(3, [20, 0, 12, 9]), views_of(4, [9, 7, 0])
    auxiliary = AuxiliaryViews(*aux, rows=[0, 1, 3])
    results = []
    for at_once in (True, False):
        head = make_head(blocks=blocks, train_cfg=ALL_ROIS)
        assert head.batched
        monkeypatch.setattr(RelationRoIHead, 'batched', at_once)
        losses = loss_of(head, *main, auxiliary=auxiliary)
        (losses['loss_cls'] + losses['loss_bbox']).backward()
        results.append((losses, [p.grad for p in head.parameters()]))
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('blocks', [(1, 1), (0, 0)])
def test_waiting_does_not_grow_with_the_pairs(blocks):
    head, counted = make_head(blocks=blocks, train_cfg=AT_ONCE), []
    for pairs in (2, 8):
        main, aux = views_of(3, [20] * pairs), views_of(4, [30] * pairs)
        auxiliary = AuxiliaryViews(*aux, rows=list(range(pairs)))
        with profile(activities=[ProfilerActivity.CPU]) as events:
            loss_of(head, *main, auxiliary=auxiliary)
        counts = {event.key: event.count for event in events.key_averages()}
        counted.append(
            [
                counts.get(name, 0)
                for name in (
                    'aten::nonzero',
                    'aten::item',
                    'aten::_unique2',
                    'aten::bincount',
                )
            ]
        )
    assert counted[0] == counted[1]


def relating(head, main, aux, rows):
    """What the head hands to its relation blocks."""
    from mammo_plugins.models.roi_heads.relation_roi_head import _PairedFeatures

    features = _PairedFeatures(main[0], main[2], AuxiliaryViews(*aux, rows))
    return head._related(features, bbox2roi([p.bboxes for p in main[1]]))


@torch.no_grad()
@pytest.mark.parametrize('geometry', ['nipple', 'image_centre'])
def test_geometry_is_of_the_right_rois(geometry):
    """Lengths in mm, each from its own view, for the sample in the second row."""
    head = make_head(geometry=geometry)
    main, aux = views_of(3, [4, 5]), views_of(4, [6], nipple=(10.0, 20.0))
    main[2][1].set_metainfo(
        dict(nipple=(50.0, 40.0), scale_factor=(0.5, 0.5), pixel_spacing_mm=(0.1, 0.1))
    )
    aux[2][0].set_metainfo(dict(scale_factor=(0.25, 0.25), pixel_spacing_mm=(0.2, 0.2)))
    feats, (relation,) = relating(head, main, aux, rows=[1])
    assert relation.main == slice(4, 9) and relation.auxiliary == slice(0, 6)
    assert feats.shape == (6, CHANNELS, 3, 3)
    points = dict(
        nipple=[(50.0, 40.0), (10.0, 20.0)], image_centre=[(32.0, 32.0), (32.0, 32.0)]
    )[geometry]
    for i in range(5):
        for j in range(6):
            lengths = []
            for box, (x, y), mm in (
                (main[1][1].bboxes[i], points[0], 0.2),
                (aux[1][0].bboxes[j], points[1], 0.8),
            ):
                x1, y1, x2, y2 = box.tolist()
                distance = math.hypot((x1 + x2) / 2 - x, (y1 + y2) / 2 - y)
                lengths.append(
                    [max(mm * length, 1.0) for length in (distance, x2 - x1, y2 - y1)]
                )
            wanted = np.log(lengths[0]) - np.log(lengths[1])
            np.testing.assert_allclose(relation.geometry[i, j], wanted, atol=1e-5)


@torch.no_grad()
def test_auxiliary_rois_are_the_best_proposals():
    head = make_head(num_auxiliary=3)
    main, aux = views_of(3, [4, 5]), views_of(4, [6, 2])
    feats, relations = relating(head, main, aux, rows=[0, 1])
    assert [relation.auxiliary for relation in relations] == [slice(0, 3), slice(3, 5)]
    wanted = head.bbox_roi_extractor(
        tuple(level[1:] for level in aux[0]),
        torch.cat([torch.zeros(2, 1), aux[1][1].bboxes], 1),
    )
    torch.testing.assert_close(feats[3:], wanted)


@torch.no_grad()
def test_geometry_matters_only_through_the_nipple():
    """Shifting image and nipple alike changes nothing for 'nipple'."""
    main, aux = views_of(3, [4]), views_of(4, [6])
    before = relating(make_head(), main, aux, [0])[1][0].geometry
    for name in ('nipple', 'shape_location'):
        shifted = copy.deepcopy(aux)
        shifted[1][0].bboxes += 5.0
        shifted[2][0].set_metainfo(dict(nipple=(65.0, 35.0)))
        head = make_head(geometry=name)
        after = relating(head, main, shifted, [0])[1][0].geometry
        if name == 'nipple':
            torch.testing.assert_close(after, before)
        else:
            assert after.shape == (4, 6, 4)
            unshifted = relating(head, main, aux, [0])[1][0].geometry
            assert not torch.allclose(after, unshifted)


@pytest.mark.parametrize('geometry', ['nipple', 'shape_location', 'image_centre'])
@pytest.mark.parametrize('blocks', [(0, 0), (1, 1), (0, 2)])
@pytest.mark.parametrize('rows', [[0, 1], [1], []])
@pytest.mark.parametrize('lesions', [0, 2])
def test_every_parameter_gets_a_gradient(geometry, blocks, rows, lesions):
    head = make_head(geometry=geometry, blocks=blocks)
    main = views_of(3, [20, 15], lesions=lesions)
    aux = views_of(4, [9, 0][: len(rows)] or [])
    losses = loss_of(head, *main, auxiliary=AuxiliaryViews(*aux, rows))
    sum(losses[name] for name in ('loss_cls', 'loss_bbox')).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_gradients_reach_the_auxiliary_features():
    for blocks in ((0, 0), (1, 1)):
        head = make_head(blocks=blocks)
        main, aux = views_of(3, [20]), views_of(4, [9])
        for level in aux[0]:
            level.requires_grad_()
        losses = loss_of(head, *main, auxiliary=AuxiliaryViews(*aux, [0]))
        losses['loss_cls'].backward()
        assert aux[0][0].grad.abs().sum() > 0


@torch.no_grad()
def test_concatenation_without_relation_blocks():
    """The auxiliary view at the main RoI's place, scaled to its size."""
    head = make_head(blocks=(0, 0)).eval()
    main, aux = views_of(3, [4, 5]), views_of(4, [6], size=(128, 32))
    seen = []
    head.bbox_head.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    head.predict(*main, auxiliary=AuxiliaryViews(*aux, rows=[1]))
    (feats,) = seen
    assert feats.shape == (9, 2 * CHANNELS, 3, 3)
    assert not feats[:4, CHANNELS:].any()  # the first has no partner
    boxes = main[1][1].bboxes * torch.tensor([0.5, 2.0, 0.5, 2.0])
    wanted = head.bbox_roi_extractor(aux[0], torch.cat([torch.zeros(5, 1), boxes], 1))
    torch.testing.assert_close(feats[4:, CHANNELS:], wanted)
    wanted = head.bbox_roi_extractor(
        tuple(level[1:] for level in main[0]),
        torch.cat([torch.zeros(5, 1), main[1][1].bboxes], 1),
    )
    torch.testing.assert_close(feats[4:, :CHANNELS], wanted)


def by_hand(head, feats, auxiliary, relation):
    """Hu et al.: layer, relation, sum, ReLU; auxiliary RoIs without relation."""
    box_head = head.bbox_head
    x, aux = feats.flatten(1), auxiliary.flatten(1)
    embedding = embed_geometry(relation.geometry, box_head.embedding_channels)
    for fc, block in zip(box_head.shared_fcs, box_head.relation_blocks):
        x, aux = x @ fc.weight.T + fc.bias, aux @ fc.weight.T + fc.bias
        x = x + (block(x, aux, embedding) - x)
        x, aux = x.clamp(min=0), aux.clamp(min=0)
    return x @ box_head.fc_cls.weight.T + box_head.fc_cls.bias


@torch.no_grad()
def test_relations_stand_between_layer_and_relu():
    head = make_head().eval()
    main, aux = views_of(3, [5]), views_of(4, [6])
    auxiliary, (relation,) = relating(head, main, aux, [0])
    rois = bbox2roi([p.bboxes for p in main[1]])
    feats = head.bbox_roi_extractor(main[0], rois)
    found, _ = head.bbox_head(feats, auxiliary, [relation])
    wanted = by_hand(head, feats, auxiliary, relation)
    torch.testing.assert_close(found, wanted)
    # features of either sign reach the blocks
    seen = []
    head.bbox_head.relation_blocks[1].register_forward_pre_hook(
        lambda block, args: seen.extend(args[:2])
    )
    head.bbox_head(feats, auxiliary, [relation])
    assert all((x < 0).any() and (x > 0).any() for x in seen)


def test_a_number_of_blocks_for_each_layer():
    assert len(make_head(blocks=(2, 1)).bbox_head.relation_blocks) == 3
    with pytest.raises(ValueError, match='num_relation_blocks.*expected 2 numbers'):
        make_head(blocks=(1,))


def test_unknown_geometry():
    with pytest.raises(ValueError, match="geometry is 'nippel'.*nipple"):
        make_head(geometry='nippel')


@torch.no_grad()
def test_raw_outputs():
    head, (feats, found, samples) = make_head(), views_of(3, [4, 5])
    auxiliary = AuxiliaryViews(*views_of(4, [6]), rows=[1])
    cls_score, bbox_pred = head.forward(feats, found, samples, auxiliary)
    assert cls_score.shape == (9, 1) and bbox_pred.shape == (9, 4)
