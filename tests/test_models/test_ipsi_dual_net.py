"""IpsiDualNet on whole batches, beside Faster R-CNN."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData, PixelData

from mammo_plugins.models.multi_view import view_key
from mammo_plugins.registry import MODELS
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

BASELINE = (
    Path(__file__).parents[2]
    / 'configs'
    / 'baselines'
    / 'faster-rcnn_hrnetv2p-w8_phantom.py'
)


def build(ipsi=True, blocks=(1, 1), **kwargs):
    model = Config.fromfile(BASELINE).model
    model.roi_head.bbox_head.fc_out_channels = 16
    if ipsi:
        model.type = 'IpsiDualNet'
        model.data_preprocessor.type = 'MultiViewDataPreprocessor'
        model.roi_head.type = 'RelationRoIHead'
        model.roi_head.num_auxiliary = 20
        model.roi_head.bbox_head.update(
            type='RelationBBoxHead',
            num_relation_blocks=blocks,
            num_heads=2,
            key_channels=4,
        )
        model.update(kwargs)
    with DefaultScope.overwrite_default_scope('mammo'):
        net = MODELS.build(model)
        torch.manual_seed(0)
        net.init_weights()
    with torch.no_grad():  # let the blocks count
        for name, parameter in net.named_parameters():
            if 'relation_blocks' in name:
                parameter.normal_(std=0.2)
    return net


def view_of(img_id, size, lesions, nipple=(50.0, 30.0)):
    """An image of noise with bright squares, and its data sample."""
    g = torch.Generator().manual_seed(img_id)
    image = 0.2 * torch.rand(1, *size, generator=g)
    sample = DetDataSample(
        metainfo=dict(
            img_id=img_id,
            fingerprint=img_id,
            img_shape=size,
            ori_shape=(2 * size[0], 2 * size[1]),
            scale_factor=(0.5, 0.5),
            nipple=nipple,
            pixel_spacing_mm=(0.1, 0.1),
            homography_matrix=np.diag([0.5, 0.5, 1.0]).astype(np.float32),
        )
    )
    boxes = torch.zeros(lesions, 4)
    for box in boxes:
        x, y = (torch.rand(2, generator=g) * 24).int().tolist()
        box[:] = torch.tensor([x, y, x + 20, y + 20])
        image[:, y : y + 20, x : x + 20] += 0.7
    sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.zeros(lesions).long())
    sample.gt_sem_seg = PixelData(sem_seg=torch.zeros(1, *size, dtype=torch.uint8))
    return image, sample


def batch_of(*pairs):
    """What collating gives of samples of {view: (image, data sample)}."""
    names = ('main', 'ipsilateral', 'bilateral')
    samples = []
    for pair in pairs:
        sample = MultiViewDataSample()
        for name, (_, view) in pair.items():
            sample.set_data({name: copy.deepcopy(view)})
        samples.append(sample)
    return dict(
        inputs={
            name: [pair[name][0] if name in pair else None for pair in pairs]
            for name in names
        },
        data_samples=samples,
    )


def exam(sizes=((64, 64),) * 4, lesions=1):
    """Four samples: RCC, RMLO, LCC, LMLO, each with its partner."""
    views = [view_of(10 + i, size, lesions) for i, size in enumerate(sizes)]
    return [dict(main=views[i], ipsilateral=views[i ^ 1]) for i in range(4)]


def losses_of(net, pairs):
    data = net.data_preprocessor(batch_of(*pairs), training=True)
    torch.manual_seed(1)
    return net(**data, mode='loss')


def total(losses):
    return sum(
        sum(value) if isinstance(value, list) else value
        for name, value in losses.items()
        if 'loss' in name
    )


def predictions_of(net, pairs):
    net.eval()
    with torch.no_grad():
        data = net.data_preprocessor(batch_of(*pairs))
        return [sample.pred_instances for sample in net(**data, mode='predict')]


def assert_close(found, wanted):
    assert len(found) == len(wanted) > 0
    torch.testing.assert_close(found.bboxes, wanted.bboxes, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(found.scores, wanted.scores, atol=1e-4, rtol=1e-4)


def test_losses_are_those_of_faster_rcnn():
    """Alone, to the bit; and the names are the same with partners."""
    net, plain = build(), build(ipsi=False)
    assert not plain.load_state_dict(net.state_dict(), strict=False).missing_keys
    pairs = [dict(main=view_of(1, (64, 64), 2)), dict(main=view_of(2, (48, 64), 0))]
    ours = losses_of(net, pairs)
    data = batch_of(*pairs)
    theirs = plain.data_preprocessor(
        dict(
            inputs=data['inputs']['main'],
            data_samples=[sample.main for sample in data['data_samples']],
        ),
        training=True,
    )
    torch.manual_seed(1)
    theirs = plain(**theirs, mode='loss')
    assert set(ours) == set(theirs) == set(losses_of(net, exam()))
    for name, values in ours.items():
        if isinstance(values, list):  # by level
            assert torch.equal(torch.stack(values), torch.stack(theirs[name]))
        else:
            assert torch.equal(values, theirs[name]), name


def test_predictions_without_partner_are_those_of_faster_rcnn():
    net, plain = build(), build(ipsi=False)
    plain.load_state_dict(net.state_dict(), strict=False)
    pair = dict(main=view_of(1, (60, 64), 1))
    (found,) = predictions_of(net, [pair])
    plain.eval()
    with torch.no_grad():
        image, sample = pair['main']
        data = plain.data_preprocessor(
            dict(inputs=[image], data_samples=[copy.deepcopy(sample)])
        )
        wanted = plain(**data, mode='predict')
    assert torch.equal(found.bboxes, wanted[0].pred_instances.bboxes)
    assert torch.equal(found.scores, wanted[0].pred_instances.scores)


@pytest.mark.parametrize(
    'pairs',
    [
        exam(lesions=0),
        exam(),
        [exam()[0], dict(main=view_of(30, (64, 80), 1))],
        [dict(main=view_of(30, (64, 80), 0))],
        [
            dict(
                main=view_of(30, (64, 80), 1, nipple=None),
                ipsilateral=view_of(31, (72, 64), 1),
            )
        ],
    ],
    ids=['normal', 'exam', 'one without', 'none with', 'no nipple'],
)
@pytest.mark.parametrize('blocks', [(0, 0), (1, 1)])
def test_training_step(pairs, blocks):
    net = build(blocks=blocks).train()
    losses = losses_of(net, pairs)
    total(losses).backward()
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


def test_both_views_train_the_rpn():
    """A lesion in the auxiliary view alone is the RPN's, not the RoI head's."""
    net = build().train()
    pair = dict(main=view_of(1, (64, 64), 0), ipsilateral=view_of(2, (64, 64), 1))
    losses = losses_of(net, [pair])
    assert sum(losses['loss_rpn_bbox']) > 0
    assert losses['loss_bbox'] == 0


def test_four_views_are_encoded_four_times():
    net = build()
    calls = []
    net.backbone.register_forward_hook(lambda *args: calls.append(args[1][0]))
    together = predictions_of(net, exam())
    assert [tuple(image.shape) for image in calls] == [(1, 1, 64, 64)] * 4
    for pair, found in zip(exam(), together):
        calls.clear()
        (alone,) = predictions_of(net, [pair])
        assert len(calls) == 2
        assert_close(found, alone)


def test_results_do_not_depend_on_the_batch():
    net = build()
    pairs = exam(sizes=((64, 64), (60, 70), (130, 50), (64, 90)))
    for pair, found in zip(pairs, predictions_of(net, pairs)):
        assert_close(found, predictions_of(net, [pair])[0])


def test_the_partner_counts():
    net = build()
    pair = exam()[0]
    (with_partner,) = predictions_of(net, [pair])
    (without,) = predictions_of(net, [dict(main=pair['main'])])
    assert not torch.equal(with_partner.scores[:5], without.scores[:5])


def test_bilateral_partner():
    net = build(auxiliary='bilateral')
    view, partner = view_of(1, (64, 64), 1), view_of(2, (64, 64), 1)
    partner[1].set_metainfo(dict(registration='warped'))
    without, unused, found = [
        predictions_of(net, [pair])[0]
        for pair in (
            dict(main=view),
            dict(main=view, ipsilateral=partner),
            dict(main=view, bilateral=partner),
        )
    ]
    assert torch.equal(without.scores, unused.scores)
    assert not torch.equal(without.scores[:5], found.scores[:5])


@torch.no_grad()
def test_parts_give_what_predict_gives():
    net = build().eval()
    pair = exam()[0]
    data = net.data_preprocessor(batch_of(pair))
    (sample,) = data['data_samples']
    views = net.encode_views(**data)
    assert set(views) == {view_key(sample.main), view_key(sample.ipsilateral)}
    main = views[view_key(sample.main)]
    assert [f.size(1) for f in main.backbone] == [8, 16, 32, 64]
    found = net.detect(main, views[view_key(sample.ipsilateral)], rescale=False)
    (wanted,) = predictions_of(net, [pair])
    torch.testing.assert_close(2 * found.bboxes, wanted.bboxes)
    # what detect() was given can be used again
    again = net.detect(main, views[view_key(sample.ipsilateral)], rescale=False)
    assert torch.equal(again.bboxes, found.bboxes)


@torch.no_grad()
def test_raw_outputs():
    net = build().eval()
    data = net.data_preprocessor(batch_of(*exam()[:2]))
    cls_score, bbox_pred = net(**data, mode='tensor')
    assert len(cls_score) == len(bbox_pred) > 0


def test_it_learns():
    net = build().train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)
    history = []
    for _ in range(12):
        loss = total(losses_of(net, exam()[:2]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(float(loss.detach()))
    assert history[-1] < 0.8 * history[0]
