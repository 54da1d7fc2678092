"""The baseline learns: recall on held-out phantom exams beyond chance."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

CONFIG = (
    Path(__file__).parents[2] / 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
)


@pytest.fixture
def runner(easy_root, tmp_path):
    cfg = Config.fromfile(CONFIG)
    epochs = 2
    for part in ('train', 'val', 'test'):
        loader = cfg[f'{part}_dataloader']
        loader.num_workers, loader.persistent_workers = 0, False
        loader.dataset.data_root = str(easy_root)
        loader.dataset.pipeline.image.cache_dir = f'{easy_root}_pixels'
    cfg.train_cfg.update(max_epochs=epochs, val_interval=epochs + 1)
    cfg.param_scheduler[0].end = 30
    cfg.work_dir, cfg.log_level = str(tmp_path), 'ERROR'
    return Runner.from_cfg(cfg)


def test_recall_on_held_out_exams_is_beyond_chance(
    runner, recall_and_chance, finds_the_same_in_bfloat16
):
    torch.manual_seed(0)
    runner.train()
    samples = []
    model = runner.model.eval()
    with torch.no_grad():
        for batch in runner.test_dataloader:
            samples += [copy.deepcopy(s).cpu() for s in model.test_step(batch)]
    assert len(samples) == 12 * 4
    found, chance = recall_and_chance(samples)
    assert found > 0.6
    assert found > chance + 0.2
    number, matched, difference = finds_the_same_in_bfloat16(
        model, runner.test_dataloader, samples
    )
    assert number > 20
    assert matched > 0.9  # others are near ties of boxes that overlap
    assert difference < 0.02
