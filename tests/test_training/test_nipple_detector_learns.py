"""The nipple detector learns: held-out nipples, nearer than their usual place."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mammo_plugins.phantom import (
    PhantomConfig,
    PhantomDatasetConfig,
    write_phantom_dataset,
)

CONFIG = Path(__file__).parents[2] / 'configs/momminet/nipple-detector_phantom.py'
EPOCHS = 12


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """24 small exams, 18 to train and 6 to test, four views each."""
    root = tmp_path_factory.mktemp('data') / 'nipples'
    write_phantom_dataset(
        root,
        PhantomDatasetConfig(exams=24, seed=5, phantom=PhantomConfig(size=(128, 64))),
    )
    return root


@pytest.fixture
def runner(root, tmp_path):
    cfg = Config.fromfile(CONFIG)
    for part in ('train', 'val', 'test'):
        loader = cfg[f'{part}_dataloader']
        loader.batch_size = 4
        loader.num_workers, loader.persistent_workers = 0, False
        loader.dataset.data_root = str(root)
        loader.dataset.pipeline.image.cache_dir = str(tmp_path / 'cache')
    cfg.train_cfg.update(max_epochs=EPOCHS, val_interval=EPOCHS + 1)
    cfg.work_dir, cfg.log_level = str(tmp_path), 'ERROR'
    return Runner.from_cfg(cfg)


def nipples(dataset):
    """Return positions as shares of the image's sides, and sides in mm."""
    shares, sides = [], []
    for i in range(len(dataset)):
        sample = dataset[i]['data_samples']
        shares.append(np.divide(sample.nipple, sample.img_shape[::-1]))
        sides.append(np.multiply(sample.ori_shape[::-1], sample.pixel_spacing_mm[::-1]))
    return np.array(shares), np.array(sides)


def test_error_on_held_out_exams_is_below_that_of_the_mean_position(runner):
    torch.manual_seed(0)
    # loaded by the test pipeline: no flips
    test = runner.test_loop.dataloader.dataset
    train = type(test)(
        data_root=test.data_root,
        ann_file='annotations/train.json',
        test_mode=True,
        pipeline=[],
    )
    train.pipeline = test.pipeline
    usual = nipples(train)[0].mean(axis=0)
    shares, sides = nipples(test)
    chance = np.median(np.hypot(*((shares - usual) * sides).T))
    runner.train()
    metrics = runner.test()
    print(
        f'median error {metrics["nipple/median_mm"]:.1f} mm; of the mean '
        f'position {chance:.1f} mm; not found {metrics["nipple/not_found"]:.2f}'
    )
    assert metrics['nipple/n_images'] == 6 * 4
    assert metrics['nipple/not_found'] < 0.1
    assert metrics['nipple/median_mm'] < chance / 3
