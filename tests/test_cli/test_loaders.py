"""What data loaders need on a machine is set where a run begins."""

import pytest
import torch
from mmengine.config import Config

from mammo_cli.runs import fit_loaders


@pytest.mark.parametrize('there', [True, False])
def test_memory_is_pinned_where_there_is_a_gpu(monkeypatch, there):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: there)
    cfg = Config(
        dict(
            train_dataloader=dict(num_workers=2, persistent_workers=True),
            val_dataloader=dict(num_workers=2, pin_memory=False),
            test_dataloader=None,
        )
    )
    fit_loaders(cfg)
    assert cfg.train_dataloader.get('pin_memory') == (there or None)
    assert cfg.val_dataloader.pin_memory is False
    assert cfg.test_dataloader is None


def test_workers_that_are_not_there_do_not_persist():
    cfg = Config(dict(train_dataloader=dict(num_workers=0, persistent_workers=True)))
    fit_loaders(cfg)
    assert cfg.train_dataloader.persistent_workers is False
