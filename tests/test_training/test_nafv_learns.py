"""NaFV-Net's stages learn: masses on held-out exams, and which exams have one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mammo_plugins.evaluation.functional import region_overlap, roc_auc
from mammo_plugins.phantom import (
    PhantomConfig,
    PhantomDatasetConfig,
    write_phantom_dataset,
)

CONFIG = Path(__file__).parents[2] / 'configs/nafv/nafv-net_phantom.py'
# with 6 epochs of classification, a change of 3e-7 in the images costs 0.4 of the AUC
EPOCHS = dict(segmentation=4, classification=14)


@pytest.fixture(scope='module')
def exam_root(tmp_path_factory):
    """64 small contrast-enhanced exams, half of them with a large, dense lesion."""
    root = tmp_path_factory.mktemp('data') / 'cem'
    phantom = PhantomConfig(
        size=(128, 64),
        density=('A',),
        prevalence=0.5,
        second_lesion=0.0,
        lesion_diameter_mm=(20.0, 28.0),
        lesion_attenuation=(0.95, 1.05),
        symmetric_nodules=0.0,
        overlap_pairs=0.0,
        cem=True,
    )
    write_phantom_dataset(
        root,
        PhantomDatasetConfig(exams=64, seed=9, split=(0.6, 0.0, 0.4), phantom=phantom),
    )
    return root


@pytest.fixture
def runner(exam_root, tmp_path):
    cfg = Config.fromfile(CONFIG)
    for part in ('train', 'test'):
        loader = cfg[f'{part}_dataloader']
        loader.num_workers, loader.persistent_workers = 0, False
        loader.dataset.data_root = str(exam_root)
        loader.dataset.pipeline.load.transforms.image.cache_dir = str(
            tmp_path / 'cache'
        )
        # benign against malignant takes more exams than a test has time for
        loader.dataset.labels = dict(
            field='abnormal', negative=(False,), positive=(True,)
        )
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    for name, epochs in EPOCHS.items():
        stage = cfg.train_cfg.stages[name]
        stage.max_epochs = stage.param_scheduler[0].end = epochs
        stage.optim_wrapper.optimizer.lr = 0.002
        stage.pop('val_evaluator', None)
    cfg.train_dataloader.batch_size = 4
    cfg.work_dir, cfg.log_level = str(tmp_path), 'ERROR'
    return Runner.from_cfg(cfg)


def test_masses_and_exams_are_told_beyond_chance(runner):
    torch.manual_seed(0)
    runner.train()
    model, samples = runner.model.eval(), []
    with torch.no_grad():
        for batch in runner.test_dataloader:
            samples += model.test_step(batch)
    views = [
        sample.get(name) for sample in samples for name in model.segmentor.view_names
    ]
    found, drawn = (
        np.array([view.get(key).sem_seg[0].numpy() == 1 for view in views])
        for key in ('pred_sem_seg', 'gt_sem_seg')
    )
    has = drawn.any(axis=(1, 2))
    rng = np.random.default_rng(0)

    def dice(order):
        return np.mean(
            [
                region_overlap(found[i], drawn[j]).dice
                for i, j in zip(order, np.flatnonzero(has))
            ]
        )

    dealt = [dice(rng.permutation(np.flatnonzero(has))) for _ in range(50)]
    ours = dice(np.flatnonzero(has))
    print(f'Dice {ours:.3f}, of masks dealt to other views at most {max(dealt):.3f}')
    assert ours > 0.4 > max(dealt) + 0.1
    labels = np.array([sample.gt_label.item() for sample in samples])
    scores = np.array([sample.pred_score[1].item() for sample in samples])
    auc = roc_auc(labels, scores)
    chance = max(roc_auc(rng.permutation(labels), scores) for _ in range(200))
    print(f'AUC {auc:.3f} of {len(labels)} exams, chance at most {chance:.3f}')
    assert auc > 0.8 and auc > chance
