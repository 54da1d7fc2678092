"""The malignancy classifier learns, and its schedule watches what it should."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmpretrain.structures import DataSample
from torch.utils.data import Dataset

from mammo_plugins.evaluation.functional import roc_auc
from mammo_plugins.phantom import (
    PhantomConfig,
    PhantomDatasetConfig,
    write_phantom_dataset,
)

CONFIGS = Path(__file__).parents[2] / 'configs/momminet'


@pytest.fixture(scope='module')
def easy_root(tmp_path_factory):
    """32 small exams, two large, dense lesions each."""
    root = tmp_path_factory.mktemp('data') / 'easy'
    phantom = PhantomConfig(
        size=(256, 128),
        density=('A', 'B'),
        prevalence=1.0,
        second_lesion=1.0,
        lesion_diameter_mm=(14.0, 25.0),
        lesion_attenuation=(0.95, 1.05),
        symmetric_nodules=0.0,
        overlap_pairs=0.0,
    )
    write_phantom_dataset(
        root,
        PhantomDatasetConfig(exams=32, seed=5, split=(0.6, 0.0, 0.4), phantom=phantom),
    )
    return root


@pytest.fixture
def runner(easy_root, tmp_path):
    cfg = Config.fromfile(CONFIGS / 'malignancy_densenet_phantom.py')
    epochs = 20
    for part in ('train', 'val', 'test'):
        loader = cfg[f'{part}_dataloader']
        loader.num_workers, loader.persistent_workers = 0, False
        loader.dataset.data_root = str(easy_root)
        loader.dataset.pipeline.image.cache_dir = str(tmp_path / 'cache')
    cfg.train_cfg.update(max_epochs=epochs, val_interval=epochs + 1)
    cfg.work_dir, cfg.log_level = str(tmp_path), 'ERROR'
    return Runner.from_cfg(cfg)


def lesion_ids(root):
    """Lesion of each (image, left edge, upper edge)."""
    data = json.loads((root / 'annotations/test.json').read_text())
    return {
        (a['image_id'], *a['bbox'][:2]): a['lesion_id'] for a in data['annotations']
    }


def test_auc_on_held_out_exams_is_beyond_chance(runner, easy_root):
    runner.train()
    samples = []
    model = runner.model.eval()
    with torch.no_grad():
        for batch in runner.test_dataloader:
            samples += model.test_step(batch)
    scores = np.array([s.malignancy for s in samples])
    labels = np.array([s.gt_label.item() for s in samples])
    auc = roc_auc(labels, scores)
    # chance: the labels dealt anew to the lesions, both views of one together
    names = lesion_ids(easy_root)
    _, first, lesion = np.unique(
        [names[(s.img_id, *s.patch_box[:2])] for s in samples],
        return_index=True,
        return_inverse=True,
    )
    rng = np.random.default_rng(0)
    chance = [
        roc_auc(rng.permutation(labels[first])[lesion], scores) for _ in range(200)
    ]
    print(
        f'AUC {auc:.3f} over {len(labels)} patches; permuted labels: mean '
        f'{np.mean(chance):.3f}, at most {np.max(chance):.3f}'
    )
    assert len(labels) > 40
    assert auc > 0.8
    assert auc > np.max(chance)


class WorseEachEpoch(BaseModel):
    """Its probability of the true class falls with each step of training."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.steps = 0

    def forward(self, inputs, data_samples=None, mode='tensor'):
        if mode == 'loss':
            self.steps += 1
            return dict(loss=self.weight.sum())
        sample = DataSample(metainfo=dict(patient_id='p'))
        sample.set_pred_score(
            torch.tensor([0.5 + 0.01 * self.steps, 0.5 - 0.01 * self.steps])
        )
        return [sample.set_gt_label(1)]


class OneSample(Dataset):
    metainfo = {}

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return dict(inputs=torch.zeros(1))


def test_schedule_of_the_paper(tmp_path):
    """A tenth after five epochs without gain, an early stop, at most 100 epochs."""
    cfg = Config.fromfile(CONFIGS / 'malignancy_densenet121_ddsm.py')
    rates = []
    loader = dict(
        dataset=OneSample(),
        batch_size=1,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
    )
    runner = Runner(
        model=WorseEachEpoch(),
        work_dir=str(tmp_path),
        train_cfg=cfg.train_cfg,
        train_dataloader=dict(loader),
        val_dataloader=dict(loader),
        val_cfg=cfg.val_cfg,
        val_evaluator=cfg.val_evaluator,
        optim_wrapper=cfg.optim_wrapper,
        param_scheduler=cfg.param_scheduler,
        custom_hooks=cfg.custom_hooks,
        default_scope='mammo',
        log_level='ERROR',
        default_hooks=dict(checkpoint=None),
    )

    step = runner.build_optim_wrapper(cfg.optim_wrapper)
    runner.optim_wrapper = step
    update = step.update_params

    def watched(*args, **kwargs):
        rates.append(step.param_groups[0]['lr'])
        update(*args, **kwargs)

    step.update_params = watched
    runner.train()
    # the best is the first epoch, five more without gain are borne
    assert rates[:7] == pytest.approx([1e-3] * 7)
    assert rates[7:13] == pytest.approx([1e-4] * 6)
    assert len(rates) == 16
    assert cfg.train_cfg.max_epochs == 100
    assert cfg.train_dataloader.batch_size == 16
