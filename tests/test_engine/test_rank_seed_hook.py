"""Processes of a training draw different random numbers."""

import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.runner import set_random_seed

from mammo_plugins.engine.hooks import RankSeedHook
from mammo_plugins.models import BreastDataPreprocessor
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

RUNTIME = Path(__file__).parents[2] / 'configs/_base_/default_runtime.py'


def mixup():
    """Mix four breasts of values 1, 10, 100, 1000: NumPy's and PyTorch's draws."""
    samples = []
    for _ in range(4):
        sample = MultiViewDataSample()
        for view in ('CC', 'MLO'):
            sample.set_data({view: DetDataSample(metainfo=dict(img_shape=(2, 2)))})
        sample.gt_label = torch.tensor([0])
        samples.append(sample)
    images = [torch.full((1, 2, 2), 10.0**k) for k in range(4)]
    processor = BreastDataPreprocessor(
        num_channels=1, batch_augments=dict(augments=dict(type='Mixup', alpha=1.0))
    )
    data = processor(
        dict(inputs=dict(CC=images, MLO=images), data_samples=samples), True
    )
    return data['inputs']['CC'][:, 0, 0, 0].tolist()


DRAWS = dict(
    jitter=lambda: np.random.default_rng(np.random.randint(2**31)).random(),
    mixup=mixup,
    dropout=lambda: torch.nn.Dropout()(torch.ones(64)).tolist(),
    python=random.random,
)


def drawn(rank, draw, monkeypatch, hook=True, seed=3):
    """Seed a process as MMEngine's runner does, begin to train, and draw."""
    monkeypatch.setattr('mmengine.runner.utils.get_rank', lambda: rank)
    set_random_seed(seed)
    if hook:
        RankSeedHook().before_train(SimpleNamespace(rank=rank, seed=seed))
    return DRAWS[draw]()


@pytest.mark.parametrize('draw', DRAWS)
def test_each_process_draws_its_own(draw, monkeypatch):
    alone = [drawn(rank, draw, monkeypatch, hook=False) for rank in range(3)]
    assert alone[0] == alone[1] == alone[2]  # what it is for
    own = [drawn(rank, draw, monkeypatch) for rank in range(3)]
    assert own[0] != own[1] != own[2] != own[0]
    # one process draws as ever; all by the seed alone
    assert own[0] == alone[0]
    assert own[2] == drawn(2, draw, monkeypatch)
    assert own[2] != drawn(2, draw, monkeypatch, seed=9)


def test_all_configs_have_it():
    hooks = Config.fromfile(RUNTIME).default_hooks
    assert hooks.rank_seed.type == 'RankSeedHook'
