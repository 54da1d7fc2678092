"""MommiNet's four stages, one launch: recall on held-out exams beyond chance."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

CONFIG = Path(__file__).parents[2] / 'configs/mamminet_v2_phantom.py'
EPOCHS = dict(ipsilateral=1, bilateral=1, fusion=2, malignancy=1)


def replace_everywhere(cfg, **values):
    """Set keys wherever they occur in a config."""
    for key, value in list(cfg.items()):
        if key in values:
            cfg[key] = values[key]
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(item, dict):
                replace_everywhere(item, **values)


@pytest.fixture
def runner(easy_root, tmp_path):
    cfg = Config.fromfile(CONFIG)
    replace_everywhere(
        cfg,
        data_root=str(easy_root),
        cache_dir=f'{easy_root}_pixels',
        num_workers=0,
        persistent_workers=False,
    )
    for name, epochs in EPOCHS.items():
        stage = cfg.train_cfg.stages[name]
        stage.max_epochs, stage.val_begin = epochs, epochs + 1
    cfg.param_scheduler[0].end = 30
    cfg.work_dir, cfg.log_level = str(tmp_path), 'ERROR'
    return Runner.from_cfg(cfg)


def test_recall_on_held_out_exams_is_beyond_chance(runner, recall_and_chance, tmp_path):
    torch.manual_seed(0)
    runner.train()
    assert (tmp_path / 'detections/train.json').is_file()
    samples = []
    model = runner.model.eval()
    with torch.no_grad():
        for batch in runner.test_dataloader:
            samples += [copy.deepcopy(s).cpu() for s in model.test_step(batch)]
    assert len(samples) == 12 * 4
    assert all(s.model_views == ['main', 'ipsilateral', 'bilateral'] for s in samples)
    found, chance = recall_and_chance(samples)
    assert found > 0.6
    assert found > chance + 0.2
