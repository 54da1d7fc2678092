"""A step of two processes is that of one process with both their images.

Batch norm is as in MommiNet's paper-scale configs, where it runs on its pretrained
statistics: where it learns them, as in DIVF-Net and DisAsymNet, which have no SyncBN,
those of a process are of its own images.
"""

import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import MMDistributedDataParallel, MMSeparateDistributedDataParallel
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mammo_plugins.models import TwoObjectivesDistributedDataParallel
from mammo_plugins.registry import MODELS
from mammo_plugins.testing import (
    demo_exam,
    demo_single_view_inputs,
    demo_tri_view_inputs,
    train_in_two_processes,
)

pytestmark = pytest.mark.skipif(
    not dist.is_gloo_available(), reason='PyTorch without gloo'
)
sys.path.insert(0, str(Path(__file__).parent))
CONFIGS = Path(__file__).parents[2] / 'configs'


def from_config(name):
    torch.manual_seed(0)
    cfg = Config.fromfile(CONFIGS / name)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(cfg.model)
    model.init_weights()
    return model


def all_rois(detector):
    """The chance of which RoIs are sampled differs by process."""
    sampler = detector.roi_head.bbox_sampler
    sampler.num, sampler.pos_fraction, sampler.neg_pos_ub = 10000, 1.0, -1


def parted(samples, rank):
    return samples if rank is None else samples[rank : rank + 1]


def prepared(model, samples):
    return model.data_preprocessor(pseudo_collate(samples), True)


def tri_view(stage):
    """A lesion in the first exam's views, none in the second's."""

    def make(rank):
        from test_mommi_net import annotated

        model = from_config('mamminet_v2_phantom.py')
        all_rois(model.ipsilateral)
        model.start_stage(stage)
        for name, part in model.named_children():
            part.requires_grad_(name == stage)
        made = annotated(demo_tri_view_inputs(demo_exam((64, 64))))[:2]
        return model, prepared(model, parted(made, rank))

    return make


def baseline(rank):
    from test_mommi_net import annotated

    model = from_config('baselines/faster-rcnn_hrnetv2p-w8_phantom.py')
    all_rois(model)
    images = demo_exam((64, 64))
    truths = annotated(demo_tri_view_inputs(images))[:2]
    made = demo_single_view_inputs(images)[:2]
    for sample, truth in zip(made, truths):
        sample['data_samples'] = truth['data_samples'].main
    return model, prepared(model, parted(made, rank))


def divf(rank):
    from test_divf_net import breast, build, images

    model = build(fusion=dict(type='IVFBlock', aggregation='concatenate'))
    rows = slice(None) if rank is None else slice(rank, rank + 1)
    return model, dict(
        inputs=dict(CC=images(2)[rows], MLO=images(2, 1)[rows]),
        data_samples=[breast(i, 'CC', 'MLO') for i in range(2)][rows],
    )


def dis_asym(rank):
    from test_dis_asym_net import batch, build, wrapper

    model = build()
    whole = batch(labels=((0, 0), (1, 0)), fakes=(0,))
    if rank is not None:
        whole = dict(
            inputs={side: x[rank : rank + 1] for side, x in whole['inputs'].items()},
            data_samples=parted(whole['data_samples'], rank),
        )
    return model, whole, wrapper(model)


def nafv(stage):
    """Masses in two views of the first exam, in four of the second."""

    def make(rank):
        from test_nafv_net import exams, network

        model = network(
            jitter=0.0,
            segmentor=dict(
                type='AsymmetrySensitiveSegmentor',
                num_tokens=24,
                channels=(8, 8, 8),
                embed_dims=8,
                num_layers=1,
                num_heads=2,
            ),
        )
        model.start_stage(stage)
        for name, part in model.named_children():
            part.requires_grad_(name in model.stage_parts[stage])
        made = [
            exams(annotated=views, label=i, num=1)
            for i, views in enumerate((('RCC',), ('RCC', 'RMLO', 'LCC')))
        ]
        inputs = {
            name: torch.cat([one[name] for one, _ in parted(made, rank)])
            for name in made[0][0]
        }
        return model, dict(
            inputs=inputs,
            data_samples=[s for _, own in parted(made, rank) for s in own],
        )

    return make


def blending(rank):
    from test_blending_gan import batch, build, optimizers

    model = build()
    inputs = batch(num=2)['inputs']
    inputs['mask'][1, :, 9:] = 0  # a smaller lesion
    inputs['pasted'] = torch.where(
        inputs['mask'] > 0, inputs['pasted'], inputs['normal']
    )
    if rank is not None:
        inputs = {name: image[rank : rank + 1] for name, image in inputs.items()}
    return model, dict(inputs=inputs), optimizers(model)


SYSTEMS = dict(
    baseline=baseline,
    ipsilateral=tri_view('ipsilateral'),
    bilateral=tri_view('bilateral'),
    fusion=tri_view('fusion'),
    divf=divf,
    dis_asym=dis_asym,
    nafv_segmentation=nafv('segmentation'),
    nafv_classification=nafv('classification'),
    blending=blending,
)
# by the configs; the others have MMEngine's
WRAPPERS = dict(
    dis_asym=lambda model: TwoObjectivesDistributedDataParallel(
        model, broadcast_buffers=False, find_unused_parameters=True
    ),
    blending=MMSeparateDistributedDataParallel,
)


def step(name, rank=None):
    """Losses, whose sum is the first, and the weights' changes, of one step."""
    model, data, *wrapper = SYSTEMS[name](rank)
    model.train()
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
    before = [p.detach().clone() for p in model.parameters()]
    wrapped = model
    if rank is not None:
        wrap = WRAPPERS.get(
            name,
            lambda model: MMDistributedDataParallel(model, broadcast_buffers=False),
        )
        wrapped = wrap(model)
    torch.manual_seed(0)
    if wrapper:  # with steps of their own
        logged = wrapped.train_step(data, *wrapper)
        losses = [value for key, value in sorted(logged.items()) if 'loss' in key]
    else:
        loss, _ = model.parse_losses(wrapped(**data, mode='loss'))
        loss.backward()
        trained = [p for p in model.parameters() if p.requires_grad]
        torch.optim.SGD(trained, 0.1).step()
        losses = [loss]
    changes = [(p - b).flatten() for p, b in zip(model.parameters(), before)]
    return torch.stack(losses).detach().flatten(), torch.cat(changes).detach()


def all_systems(rank):
    """Every system in one pair of processes."""
    return nn.ParameterList([part for name in SYSTEMS for part in step(name, rank)])


@pytest.fixture(scope='module')
def of_processes(tmp_path_factory):
    found = train_in_two_processes(all_systems, tmp_path_factory.mktemp('processes'))
    return {
        name: [(one[2 * i], one[2 * i + 1]) for one in found]
        for i, name in enumerate(SYSTEMS)
    }


@pytest.mark.parametrize('name', SYSTEMS)
def test_a_step_is_that_of_one_process_with_all_images(name, of_processes):
    (losses, changes), (other_losses, other_changes) = of_processes[name]
    assert torch.equal(changes, other_changes)
    expected_losses, expected = step(name)
    torch.testing.assert_close(
        (losses + other_losses) / 2, expected_losses, rtol=1e-4, atol=1e-6
    )
    scale = expected.abs().max()
    assert scale > 0
    assert (changes - expected).abs().max() < 1e-3 * scale
