"""MommiNet in two processes, one of which lacks views."""
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

import mammo_plugins  # noqa: F401
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import MMDistributedDataParallel

from mammo_plugins.registry import MODELS
from mammo_plugins.testing import (demo_exam, demo_tri_view_inputs,
                                   train_in_two_processes)

STAGES = ('ipsilateral', 'bilateral', 'fusion')
# what each process has, iteration by iteration
BATCHES = (('full', 'holes'), ('holes', 'holes'), ('holes', 'full'),
           ('full', 'full'))


def train(rank):
    """Train each stage for some steps."""
    sys.path.insert(0, str(Path(__file__).parent))
    from test_mommi_net import CONFIG, annotated, without
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(Config.fromfile(CONFIG).model)
    model.init_weights()
    exam = annotated(demo_tri_view_inputs(demo_exam((64, 64))))[:2]
    samples = dict(full=exam, holes=without(exam, 'ipsilateral', 'bilateral'))
    for stage in STAGES:
        model.start_stage(stage)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.startswith(f'{stage}.'))
        wrapped = MMDistributedDataParallel(model)
        model.train()
        trained = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(trained, lr=0.01)
        for batch in BATCHES:
            data = model.data_preprocessor(
                pseudo_collate(samples[batch[rank]]), True)
            losses = wrapped(**data, mode='loss')
            loss = model.parse_losses(losses)[0]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


@pytest.mark.skipif(not dist.is_gloo_available(), reason='PyTorch without gloo')
def test_processes_stay_in_step_where_views_are_missing(tmp_path):
    one, other = train_in_two_processes(train, tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(one, other))
