"""Dice and IoU of masses against sums over pixels, and how they are gathered."""

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator

from mammo_plugins.registry import METRICS

VIEWS = ('RCC', 'LCC')


def sample(found, drawn, patient='p'):
    return dict(
        patient_id=patient,
        **{
            name: dict(
                img_id=name,
                img_shape=drawn[name].shape,
                pred_sem_seg=dict(sem_seg=torch.tensor(found[name])[None]),
                gt_sem_seg=dict(sem_seg=torch.tensor(drawn[name])[None]),
            )
            for name in VIEWS
        },
    )


def evaluate(samples, **settings):
    metric = METRICS.build(dict(type='SegmentationMetric', **settings))
    evaluator = Evaluator(metric)
    evaluator.process(data_samples=samples)
    return evaluator.evaluate(len(samples))


def test_figures_are_means_over_views_with_a_mass():
    rng = np.random.default_rng(0)
    samples, dice, iou, _normal, _alarms = [], [], [], 0, 0
    for i in range(6):
        found, drawn = {}, {}
        for name in VIEWS:
            found[name] = rng.integers(0, 2, (9, 7)) * (rng.random() < 0.7)
            drawn[name] = rng.integers(0, 2, (9, 7)) * (rng.random() < 0.6)
            drawn[name][0] = 255  # ignored
            a, b = found[name][1:] == 1, drawn[name][1:] == 1
            if b.any():
                both, sizes = (a & b).sum(), a.sum() + b.sum()
                dice.append(2 * both / sizes)
                iou.append(both / (sizes - both))
        samples.append(sample(found, drawn, f'p{i}'))
    metrics = evaluate(samples)
    assert 0 < len(dice) < 12
    assert metrics['segmentation/dice'] == pytest.approx(np.mean(dice))
    assert metrics['segmentation/iou'] == pytest.approx(np.mean(iou))
    assert metrics['segmentation/n_abnormal'] == len(dice)
    assert metrics['segmentation/dice_low'] < metrics['segmentation/dice_high']


def test_false_alarms_in_normal_views():
    nothing, something = np.zeros((4, 4), int), np.eye(4, dtype=int)
    ignored = np.full((4, 4), 255)
    samples = [
        sample(dict(RCC=something, LCC=nothing), dict(RCC=nothing, LCC=nothing)),
        # neither normal nor with a mass
        sample(dict(RCC=something, LCC=something), dict(RCC=something, LCC=ignored)),
    ]
    metrics = evaluate(samples, n_bootstrap=0)
    assert metrics['segmentation/n_normal'] == 2
    assert metrics['segmentation/n_false_alarms'] == 1
    assert metrics['segmentation/dice'] == 1


def test_what_is_missing_is_named():
    mask = np.eye(4, dtype=int)
    given = sample(dict(RCC=mask, LCC=mask), dict(RCC=mask, LCC=mask))
    for key, message in (
        ('pred_sem_seg', 'must segment views'),
        ('gt_sem_seg', 'DrawLesionMap'),
    ):
        broken = {
            name: {k: v for k, v in given[name].items() if k != key} for name in VIEWS
        }
        with pytest.raises(ValueError, match=message):
            evaluate([dict(given, **broken)])
