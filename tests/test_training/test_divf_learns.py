"""DIVF-Net learns on the phantom, alone and with pasted lesions."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mammo_plugins.evaluation.functional import roc_auc
from mammo_plugins.structures.saliency import SaliencyMaps, view_name

CONFIGS = Path(__file__).parents[2] / 'configs/divf'
EPOCHS = 5


def saliency_in_the_middle(root, path):
    """Write saliency at half the height of every view."""
    heat = np.zeros((8, 4), np.float32)
    heat[2:-2, :3] = 1
    data = json.loads((root / 'annotations/train.json').read_text())
    SaliencyMaps({view_name(image): heat for image in data['images']}).write(path)


def auc_on_held_out_exams(name, root, folder):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    for part in ('train', 'val', 'test'):
        loader = cfg[f'{part}_dataloader']
        loader.num_workers, loader.persistent_workers = 0, False
        dataset = loader.dataset
        if 'dataset' in dataset:
            saliency_in_the_middle(root, folder / 'saliency.npz')
            dataset.pipeline.synthesis.saliency = str(folder / 'saliency.npz')
            dataset = dataset.dataset
        dataset.data_root = str(root)
        # a lesion or none: the easiest task there is
        dataset.labels = dict(field='abnormal', negative=(False,), positive=(True,))
        dataset.pipeline.load.transforms.image.cache_dir = f'{root}_pixels'
    cfg.model.backbone.depth = 18
    cfg.train_dataloader.batch_size = 8
    cfg.train_cfg.update(max_epochs=EPOCHS, val_interval=EPOCHS + 1)
    cfg.work_dir, cfg.log_level = str(folder), 'ERROR'
    runner = Runner.from_cfg(cfg)
    runner.train()
    samples, model = [], runner.model.eval()
    with torch.no_grad():
        for batch in runner.test_dataloader:
            samples += model.test_step(batch)
    scores = np.array([s.pred_score[1].item() for s in samples])
    labels = np.array([s.gt_label.item() for s in samples])
    rng = np.random.default_rng(0)
    chance = [roc_auc(rng.permutation(labels), scores) for _ in range(200)]
    print(
        f'{name}: AUC {roc_auc(labels, scores):.3f} over {len(labels)} breasts; '
        f'permuted labels: at most {np.max(chance):.3f}'
    )
    return roc_auc(labels, scores), np.max(chance)


@pytest.mark.parametrize(
    'name', ['divf-concatenate_r18_phantom', 'divf-concatenate_r34_phantom_synthesis']
)
def test_auc_is_beyond_chance(name, pair_root, tmp_path):
    auc, chance = auc_on_held_out_exams(name, pair_root, tmp_path)
    assert auc > chance
    assert auc > 0.8
