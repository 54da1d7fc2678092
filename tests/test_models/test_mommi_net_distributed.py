"""MommiNet in two processes, one of which lacks views."""
import datetime
import socket
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

import mammo_plugins  # noqa: F401
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import MMDistributedDataParallel

from mammo_plugins.registry import MODELS
from mammo_plugins.testing import demo_exam, demo_tri_view_inputs

STAGES = ('ipsilateral', 'bilateral', 'fusion')
# what each process has, iteration by iteration
BATCHES = (('full', 'holes'), ('holes', 'holes'), ('holes', 'full'),
           ('full', 'full'))


def train(rank, port, folder):
    """Train each stage for some steps and save its parameters."""
    sys.path.insert(0, str(Path(__file__).parent))
    from test_mommi_net import CONFIG, annotated, without
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo', init_method=f'tcp://127.0.0.1:{port}', rank=rank, world_size=2,
        timeout=datetime.timedelta(seconds=60))
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
    torch.save([p.detach() for p in model.parameters()],
               f'{folder}/rank_{rank}.pth')
    dist.destroy_process_group()


@pytest.mark.skipif(not dist.is_gloo_available(), reason='PyTorch without gloo')
def test_processes_stay_in_step_where_views_are_missing(tmp_path):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    mp.spawn(train, (port, str(tmp_path)), nprocs=2)
    one, other = (torch.load(tmp_path / f'rank_{rank}.pth') for rank in (0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one, other))
