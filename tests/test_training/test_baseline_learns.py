"""The baseline learns: recall on held-out phantom exams beyond chance."""
import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mammo_plugins.evaluation.functional import (FROCData, ImageMatches,
                                                 box_iou, froc_curve,
                                                 match_detections,
                                                 recall_at_fppi)
from mammo_plugins.phantom import (PhantomConfig, PhantomDatasetConfig,
                                   write_phantom_dataset)

CONFIG = (Path(__file__).parents[2] /
          'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py')


@pytest.fixture(scope='module')
def easy_root(tmp_path_factory):
    """48 small exams with large, dense lesions and no mimics."""
    root = tmp_path_factory.mktemp('data') / 'easy'
    phantom = PhantomConfig(
        size=(192, 96), density=('A', 'B'), prevalence=1., second_lesion=0.5,
        lesion_diameter_mm=(14., 25.), lesion_attenuation=(0.95, 1.05),
        symmetric_nodules=0., overlap_pairs=0.)
    write_phantom_dataset(
        root, PhantomDatasetConfig(exams=48, seed=11, phantom=phantom))
    return root


@pytest.fixture
def runner(easy_root, tmp_path):
    cfg = Config.fromfile(CONFIG)
    epochs = 5
    for part in ('train', 'val', 'test'):
        loader = cfg[f'{part}_dataloader']
        loader.num_workers, loader.persistent_workers = 0, False
        loader.dataset.data_root = str(easy_root)
        loader.dataset.pipeline[1].cache_dir = str(tmp_path / 'cache')
    cfg.train_cfg.update(max_epochs=epochs, val_interval=epochs + 1)
    cfg.param_scheduler[1].update(end=epochs, T_max=epochs)
    cfg.param_scheduler[0].end = 30
    cfg.work_dir, cfg.log_level = str(tmp_path), 'ERROR'
    return Runner.from_cfg(cfg)


def recall_at_one_fppi(samples, order):
    """Recall with the detections of image ``order[i]`` taken for image ``i``'s."""
    matches = []
    for sample, other in zip(samples, order):
        found, lesions = samples[other].pred_instances, sample.gt_instances
        iou = box_iou(found.bboxes.numpy(), lesions.bboxes.numpy())
        matches.append(
            ImageMatches(found.scores.numpy(), match_detections(iou, 0.2),
                         len(lesions), sample.patient_id))
    curve = froc_curve(FROCData.from_images(matches))
    return float(recall_at_fppi(curve, [1.])[0])


def test_recall_on_held_out_exams_is_beyond_chance(runner):
    torch.manual_seed(0)
    runner.train()
    samples = []
    model = runner.model.eval()
    with torch.no_grad():
        for batch in runner.test_dataloader:
            samples += [copy.deepcopy(s).cpu() for s in model.test_step(batch)]
    assert len(samples) == 12 * 4
    found = recall_at_one_fppi(samples, range(len(samples)))
    # chance: the same detections, dealt to other images of the same projection
    rng = np.random.default_rng(0)
    chance = []
    for _ in range(50):
        order = np.arange(len(samples))
        for view in ('CC', 'MLO'):
            members = [i for i, s in enumerate(samples) if s.view == view]
            order[members] = rng.permutation(members)
        chance.append(recall_at_one_fppi(samples, order))
    print(f'recall at 1 FPPI {found:.2f}; chance {np.mean(chance):.2f}, at most '
          f'{np.max(chance):.2f}')
    assert found > 0.6
    assert found > np.max(chance) + 0.2
