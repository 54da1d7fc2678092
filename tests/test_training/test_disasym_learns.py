"""DisAsymNet learns on the phantom: which side, and whether both are alike."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mammo_plugins.evaluation.functional import roc_auc

CONFIGS = Path(__file__).parents[2] / 'configs/disasym'
EPOCHS = 5


@pytest.fixture
def runner(pair_root, tmp_path):
    cfg = Config.fromfile(CONFIGS / 'disasymnet_phantom.py')
    cfg.train_dataloader.dataset.pipeline.insert = None
    for part in ('train', 'val', 'test'):
        loader = cfg[f'{part}_dataloader']
        loader.num_workers, loader.persistent_workers = 0, False
        loader.dataset.data_root = str(pair_root)
        loader.dataset.pipeline.load.transforms.image.cache_dir = f'{pair_root}_pixels'
    cfg.train_cfg.update(max_epochs=EPOCHS, val_interval=EPOCHS + 1)
    cfg.work_dir, cfg.log_level = str(tmp_path), 'ERROR'
    return Runner.from_cfg(cfg)


def test_auc_is_beyond_chance(runner):
    runner.train()
    sides, pairs = [], []
    model = runner.model.eval()
    with torch.no_grad():
        for batch in runner.test_dataloader:
            for sample in model.test_step(batch):
                pairs.append((sample.gt_label.item(), sample.pred_score[1].item()))
                sides += [
                    (view.gt_label, view.pred_score[1].item())
                    for view in (sample.R, sample.L)
                ]
    rng = np.random.default_rng(0)
    for name, found in (('abnormal sides', sides), ('asymmetric pairs', pairs)):
        labels, scores = map(np.array, zip(*found))
        auc = roc_auc(labels, scores)
        chance = max(roc_auc(rng.permutation(labels), scores) for _ in range(200))
        print(f'{name}: AUC {auc:.3f} of {len(labels)}, chance at most {chance:.3f}')
        assert auc > chance and auc > 0.8
