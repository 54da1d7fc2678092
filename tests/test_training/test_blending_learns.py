"""Lesions are blended into held-out breasts, and a detector learns from them."""

import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mammo_plugins.apis import BlendedImages, TrainedModel, blend_by, loaded_normals

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs/blending'


@pytest.fixture(scope='module')
def generator(easy_root, tmp_path_factory):
    """A config of the small generator, trained for a minute, and its checkpoint."""
    tmp_path = tmp_path_factory.mktemp('generator')
    bank = tmp_path / 'bank.npz'
    subprocess.run(
        [
            sys.executable,
            ROOT / 'tools/build_lesion_bank.py',
            easy_root / 'annotations/train.json',
            '--out',
            bank,
            '--context',
            '2',
        ],
        check=True,
        capture_output=True,
    )
    cfg = Config.fromfile(CONFIGS / 'blending-gan_phantom.py')
    loader = cfg.train_dataloader
    loader.update(num_workers=0, persistent_workers=False)
    loader.dataset.data_root = str(easy_root)
    pipeline = loader.dataset.pipeline
    pipeline.load.transforms.image.cache_dir = f'{easy_root}_pixels'
    pipeline.load.transforms.resize.scale = (64, 128)
    pipeline.paste.bank, pipeline.crop.size = str(bank), (64, 64)
    epochs = 12
    cfg.train_cfg.max_epochs = epochs
    cfg.param_scheduler.begin = epochs // 2
    cfg.default_hooks.checkpoint.interval = epochs
    cfg.work_dir, cfg.log_level = str(tmp_path / 'gan'), 'ERROR'
    Runner.from_cfg(cfg).train()
    return cfg.to_dict(), tmp_path / f'gan/epoch_{epochs}.pth'


def contrasts(images, blend, count=40):
    """Of each lesion to its surroundings, more than that of the tissue before; and the
    change far from it, in grey values from 0 to 1.
    """
    gained, far = [], []
    for view, _ in images.cases(count):
        made, lesion = blend(view), view['lesion_mask']
        around = view['paste_region'] & ~lesion
        gained.append(
            [
                image[lesion].mean()
                - image[around].mean()
                - view['img'][lesion].mean()
                + view['img'][around].mean()
                for image in (made, view['pasted_img'])
            ]
        )
        far.append(np.abs(made - view['img'])[~view['paste_region']].mean())
    return np.array(gained).T, np.array(far)


def test_lesions_show_in_held_out_breasts_which_stay(generator, easy_root, tmp_path):
    cfg, checkpoint = Config(generator[0]), generator[1]
    trained = TrainedModel(cfg, checkpoint, 'cpu')
    images = BlendedImages(*loaded_normals(cfg))
    cfg.train_dataloader.dataset.ann_file = 'annotations/test.json'
    images.dataset, _ = loaded_normals(cfg)  # training lesions, held-out breasts
    (made, pasted), far = contrasts(images, blend_by(trained))
    # chance: a generator that changes nothing gains nothing
    assert np.median(made) > 0.5 * np.median(pasted) > 0.02
    assert far.mean() < 0.005


def test_a_detector_learns_from_real_and_synthetic_masses(
    generator, easy_root, tmp_path, recall_and_chance
):
    cfg, checkpoint = Config(generator[0]), generator[1]
    out = tmp_path / 'made'
    counts = BlendedImages(*loaded_normals(cfg), out).write(
        20, blend_by(TrainedModel(cfg, checkpoint, 'cpu')), 'blending'
    )
    assert counts['images'] == 20
    cfg = Config.fromfile(CONFIGS / 'mask-rcnn_r18_phantom_blending.py')
    parts = cfg.train_dataloader.dataset.datasets
    real, synthetic = parts.original, parts.synthetic
    real.data_root, synthetic.data_root = str(easy_root), str(out)
    cfg.test_dataloader.dataset.data_root = str(easy_root)
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.num_workers, loader.persistent_workers = 0, False
    for dataset in (real, synthetic, cfg.test_dataloader.dataset):
        dataset.pipeline.image.cache_dir = f'{easy_root}_pixels'
    stages = cfg.train_cfg.stages
    stages['all'].max_epochs = 3
    stages['all'].param_scheduler[0].end = 30
    cfg.work_dir, cfg.log_level = str(tmp_path / 'detector'), 'ERROR'
    runner = Runner.from_cfg(cfg)
    torch.manual_seed(0)
    runner.train()
    model, samples = runner.model.eval(), []
    with torch.no_grad():
        for batch in runner.test_dataloader:
            samples += [copy.deepcopy(s).cpu() for s in model.test_step(batch)]
    assert all('masks' in sample.pred_instances for sample in samples)
    found, chance = recall_and_chance(samples)
    assert found > 0.5
    assert found > chance + 0.2
