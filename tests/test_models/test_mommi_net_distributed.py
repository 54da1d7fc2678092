"""MommiNet and its losses in two processes, one of which lacks views."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist

import mammo_plugins  # noqa: F401 isort: skip (bridges mmcv.ops)
from mmdet.models import RPNHead
from mmdet.structures import DetDataSample
from mmengine.config import Config, ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.model import MMDistributedDataParallel
from mmengine.structures import InstanceData
from torch import nn

from mammo_plugins.models import (
    RoIFocalLoss,
    SyncedBBoxHead,
    SyncedRPNHead,
    UncertaintyWeightedLoss,
)
from mammo_plugins.registry import HOOKS, MODELS
from mammo_plugins.testing import (
    demo_exam,
    demo_tri_view_inputs,
    train_in_two_processes,
)

pytestmark = pytest.mark.skipif(
    not dist.is_gloo_available(), reason='PyTorch without gloo'
)

CONFIG = Path(__file__).parents[2] / 'configs/mamminet_v2_phantom.py'
STAGES = ('ipsilateral', 'bilateral', 'fusion')
# what each process has, iteration by iteration
BATCHES = (
    ('full', 'holes'),
    ('holes', 'holes'),
    ('holes', 'full'),
    ('full', 'full'),
    ('no RoI', 'full'),
)
RPN = dict(
    in_channels=2,
    feat_channels=2,
    num_classes=1,
    anchor_generator=dict(
        type='mmdet.AnchorGenerator', scales=[2], ratios=[1.0], strides=[4, 8]
    ),
    bbox_coder=dict(type='mmdet.DeltaXYWHBBoxCoder'),
    loss_cls=dict(type='mmdet.FocalLoss', use_sigmoid=True),
    loss_bbox=dict(type='mmdet.L1Loss'),
    train_cfg=ConfigDict(
        assigner=dict(
            type='mammo.IgnoringMaxIoUAssigner',
            pos_iou_thr=0.4,
            neg_iou_thr=0.3,
            min_pos_iou=0.3,
            iou_calculator=dict(type='mmdet.BboxOverlaps2D'),
        ),
        allowed_border=-1,
        pos_weight=-1,
    ),
)
BOXES = ([[4.0, 4.0, 14.0, 14.0], [20.0, 20.0, 29.0, 30.0]], [])  # of two images


def train(rank):
    """Train each stage for some steps."""
    sys.path.insert(0, str(Path(__file__).parent))
    from test_mommi_net import annotated, normal, without

    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(Config.fromfile(CONFIG).model)
    model.init_weights()
    exam = annotated(demo_tri_view_inputs(demo_exam((64, 64))))[:2]
    samples = dict(
        full=exam,
        holes=without(exam, 'ipsilateral', 'bilateral'),
        **{'no RoI': normal(exam)},
    )
    for stage in STAGES:
        model.start_stage(stage)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.startswith(f'{stage}.'))
        # as the launcher's: running statistics are those of each process's images
        wrapped = MMDistributedDataParallel(model, broadcast_buffers=False)
        model.train()
        trained = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(trained, lr=0.01)
        for batch in BATCHES:
            # no proposal is as large as that
            model.ipsilateral.train_cfg.rpn_proposal.min_bbox_size = (
                1000 if batch[rank] == 'no RoI' else 0
            )
            data = model.data_preprocessor(pseudo_collate(samples[batch[rank]]), True)
            losses = wrapped(**data, mode='loss')
            loss = model.parse_losses(losses)[0]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def made_rois():
    """Logits and labels of an image with a mass and of a normal one."""
    torch.manual_seed(0)
    labels = torch.ones(2, 64, dtype=torch.long)
    labels[0, :20] = 0
    return torch.randn(2, 64, 1), labels


def roi_gradients(images):
    """The gradients of logits in a training step on some of the images."""
    logits, labels = made_rois()
    logits = logits[images].flatten(0, 1).requires_grad_()
    RoIFocalLoss()(
        logits,
        labels[images].flatten(),
        torch.ones(len(logits)),
        avg_factor=float(len(logits)),
    ).backward()
    return logits.grad.flatten()


def head_gradients(images):
    """The gradient of a box head, image 0 having no RoI."""
    torch.manual_seed(0)
    head = SyncedBBoxHead(
        in_channels=2,
        fc_out_channels=4,
        roi_feat_size=2,
        num_classes=1,
        loss_cls=dict(type='mammo.RoIFocalLoss'),
    )
    feats = torch.randn(20, 2, 2, 2)[: 20 * (1 in images)]
    labels = (torch.arange(len(feats)) > 5).long()
    losses = head.loss(
        *head(feats),
        feats.new_zeros(len(feats), 5),
        labels,
        torch.ones(len(feats)),
        *torch.zeros(2, len(feats), 4),
    )
    (losses['loss_cls'] + losses['loss_bbox']).backward()
    return torch.cat([p.grad.flatten() for p in head.parameters()])


def malignancy_gradients(halves):
    """The gradients of a step on halves of a batch, one of which has few labels."""
    torch.manual_seed(0)
    scores = torch.randn(2, 6, 3)  # two logits and a BI-RADS score
    labels = torch.tensor([[1, 0, 0, 1, -1, 0], [-1, -1, 1, -1, -1, -1]])
    targets = torch.rand(2, 6)
    targets[0, :3] = targets[1] = torch.nan
    scores = scores[halves].flatten(0, 1).requires_grad_()
    loss = UncertaintyWeightedLoss(init_sigma=(0.5, 2.0))
    loss(
        scores[:, :2], scores[:, 2], labels[halves].flatten(), targets[halves].flatten()
    )['loss'].backward()
    return loss.log_sigma.grad, scores.grad


def rpn_gradients(images, kind=SyncedRPNHead, at_once=True):
    """The gradient of an RPN in a training step on some of the images."""
    torch.manual_seed(0)
    head = kind(**RPN)
    if not at_once:  # as with settings of which it goes from image to image
        head.batched_targets = False
    head.init_weights()
    levels = [torch.randn(2, 2, 8, 8)[images], torch.randn(2, 2, 4, 4)[images]]
    samples = [
        DetDataSample(
            metainfo=dict(img_shape=(32, 32), pad_shape=(32, 32)),
            gt_instances=InstanceData(
                bboxes=torch.tensor(BOXES[i]).reshape(-1, 4),
                labels=torch.zeros(len(BOXES[i])).long(),
            ),
        )
        for i in images
    ]
    losses = head.loss(levels, samples)
    sum(sum(parts) for parts in losses.values()).backward()
    return torch.cat([p.grad.flatten() for p in head.parameters()])


@torch.no_grad()
def validated(model):
    """What a process says of an image: maps of the bilateral branch."""
    torch.manual_seed(0)
    with torch.random.fork_rng():
        return model.eval().bilateral.probability_map(*torch.rand(2, 1, 1, 64, 64))


def validations(model):
    """Maps by the model as trained, after an epoch's end, and by its checkpoint."""
    maps = [validated(model)]
    hook = HOOKS.build(Config.fromfile(CONFIG).default_hooks.sync_buffers)
    hook.after_train_epoch(SimpleNamespace(model=model))
    maps.append(validated(model))
    checkpoint = [model.state_dict()]
    dist.broadcast_object_list(checkpoint)  # the first process writes it
    model.load_state_dict(checkpoint[0])
    return [*maps, validated(model)]


def all_cases(rank):
    """Everything in one pair of processes; hand it out as parameters."""
    model = train(rank)
    parameters = [p.detach().clone() for p in model.parameters()]
    return nn.ParameterList(
        [
            # one image a process
            roi_gradients([rank]),
            torch.stack([rpn_gradients([rank], at_once=way) for way in (True, False)]),
            *malignancy_gradients([rank]),
            *validations(model),
            head_gradients([rank]),
            *parameters,
        ]
    )


@pytest.fixture(scope='module')
def of_processes(tmp_path_factory):
    return train_in_two_processes(all_cases, tmp_path_factory.mktemp('processes'))


def test_processes_stay_in_step_where_views_are_missing(of_processes):
    one, other = of_processes
    assert all(torch.equal(a, b) for a, b in zip(one[8:], other[8:], strict=True))


def test_each_process_validates_what_the_checkpoint_holds(of_processes):
    trained, synced, loaded = zip(*(parameters[4:7] for parameters in of_processes))
    assert not torch.equal(*trained)  # statistics of other images
    for found in (*synced, *loaded):
        assert torch.equal(found, synced[0])


def test_rois_weigh_as_in_one_batch(of_processes):
    """A false alarm in the normal image as one beside the mass."""
    apart = torch.stack([parameters[0] for parameters in of_processes])
    # distributed training takes the mean of the processes' gradients
    torch.testing.assert_close(apart.flatten() / 2, roi_gradients([0, 1]))


def test_labels_of_malignancy_weigh_as_in_one_batch(of_processes):
    sigmas, scores = zip(*(parameters[2:4] for parameters in of_processes))
    of_sigmas, of_scores = malignancy_gradients([0, 1])
    torch.testing.assert_close(torch.cat(scores) / 2, of_scores)
    torch.testing.assert_close(sum(sigmas) / 2, of_sigmas)


def test_anchors_weigh_as_in_one_batch(of_processes):
    """Whether the head looks at all images at once or goes from one to the next."""
    mean = sum(parameters[1] for parameters in of_processes) / 2
    together = rpn_gradients([0, 1])
    assert together.abs().max() > 0
    for gradient in mean:
        torch.testing.assert_close(gradient, together)


def test_a_process_without_rois_weighs_as_in_one_batch(of_processes):
    mean = sum(parameters[7] for parameters in of_processes) / 2
    together = head_gradients([0, 1])
    assert together.abs().max() > 0
    torch.testing.assert_close(mean, together)


def test_one_process_is_mmdets_rpn():
    torch.testing.assert_close(
        rpn_gradients([0, 1]), rpn_gradients([0, 1], kind=RPNHead)
    )
