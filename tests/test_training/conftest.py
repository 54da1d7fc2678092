"""Exams to learn from, and what chance is."""

import os

import numpy as np
import pytest
import torch
from mmengine.runner import Runner

from mammo_plugins.apis.acceleration import accelerate, predict_in
from mammo_plugins.evaluation.functional import (
    FROCData,
    ImageMatches,
    box_iou,
    froc_curve,
    match_detections,
    recall_at_fppi,
)
from mammo_plugins.phantom import (
    PhantomConfig,
    PhantomDatasetConfig,
    write_phantom_dataset,
)


@pytest.fixture(scope='session', autouse=True)
def _precision():
    """``PRECISION=bf16 pytest tests/test_training`` trains all in bfloat16."""
    precision, build = os.environ.get('PRECISION'), Runner.from_cfg

    def from_cfg(cfg):
        accelerate(cfg, precision)
        return build(cfg)

    with pytest.MonkeyPatch.context() as patch:
        if precision:
            patch.setattr(Runner, 'from_cfg', from_cfg)
        yield


@pytest.fixture(scope='session')
def easy_root(tmp_path_factory):
    """48 small exams with large, dense lesions and no mimics."""
    root = tmp_path_factory.mktemp('data') / 'easy'
    phantom = PhantomConfig(
        size=(192, 96),
        density=('A', 'B'),
        prevalence=1.0,
        second_lesion=0.5,
        lesion_diameter_mm=(14.0, 25.0),
        lesion_attenuation=(0.95, 1.05),
        symmetric_nodules=0.0,
        overlap_pairs=0.0,
    )
    write_phantom_dataset(
        root, PhantomDatasetConfig(exams=48, seed=11, phantom=phantom)
    )
    return root


@pytest.fixture(scope='session')
def pair_root(tmp_path_factory):
    """60 small exams, two of three with a large, dense lesion, no mimics."""
    root = tmp_path_factory.mktemp('data') / 'pairs'
    phantom = PhantomConfig(
        size=(128, 64),
        density=('A',),
        prevalence=0.65,
        second_lesion=0.0,
        lesion_diameter_mm=(18.0, 25.0),
        lesion_attenuation=(1.05, 1.1),
        symmetric_nodules=0.0,
        overlap_pairs=0.0,
    )
    write_phantom_dataset(
        root,
        PhantomDatasetConfig(exams=60, seed=8, split=(0.6, 0.0, 0.4), phantom=phantom),
    )
    return root


def recall_at_one_fppi(samples, order):
    """Recall with the detections of image ``order[i]`` taken for image ``i``'s."""
    matches = []
    for sample, other in zip(samples, order):
        found, lesions = samples[other].pred_instances, sample.gt_instances
        iou = box_iou(found.bboxes.numpy(), lesions.bboxes.numpy())
        matches.append(
            ImageMatches(
                found.scores.numpy(),
                match_detections(iou, 0.2),
                len(lesions),
                sample.patient_id,
            )
        )
    curve = froc_curve(FROCData.from_images(matches))
    return float(recall_at_fppi(curve, [1.0])[0])


@pytest.fixture
def recall_and_chance():
    """Recall at one false positive an image, and what other images would give."""

    def compute(samples):
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
        print(
            f'recall at 1 FPPI {found:.2f}; chance {np.mean(chance):.2f}, at most '
            f'{np.max(chance):.2f}'
        )
        return found, np.max(chance)

    return compute


@pytest.fixture
def finds_the_same_in_bfloat16():
    """Share of sure boxes that float32 and bfloat16 both find, and scores' difference."""

    def compare(model, batches, samples, least=0.5):
        predict_in(model, 'bf16')
        with torch.no_grad():
            halves = [s for batch in batches for s in model.test_step(batch)]
        matched, differences = [], [0.0]
        for exact, half in zip(samples, halves):
            pair = exact.pred_instances, half.pred_instances.to('cpu')
            for found, other in (pair, pair[::-1]):
                overlaps = box_iou(found.bboxes.numpy(), other.bboxes.numpy())
                for row in np.flatnonzero(found.scores.numpy() >= least):
                    same = np.flatnonzero(overlaps[row] >= 0.9)
                    matched.append(len(same) > 0)
                    if len(same):
                        other_scores = other.scores.numpy()[same]
                        differences.append(
                            np.abs(other_scores - found.scores[row].item()).min()
                        )
        print(
            f'bfloat16: {len(matched)} boxes, {np.mean(matched):.2f} matched at IoU 0.9'
        )
        return len(matched), np.mean(matched), max(differences)

    return compare
