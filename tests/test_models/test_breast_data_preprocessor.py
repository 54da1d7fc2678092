"""mmpretrain's MixUp and CutMix on breasts of two views."""

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample

from mammo_plugins.models import BreastDataPreprocessor
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample


def batch(views_of, labels):
    """Images whose values say breast and view: 1, 2, ... in CC, -1, ... in MLO."""
    inputs, samples = dict(CC=[], MLO=[]), []
    for i, (views, label) in enumerate(zip(views_of, labels)):
        sample = MultiViewDataSample(metainfo=dict(exam_id=str(i)))
        for view, sign in (('CC', 1), ('MLO', -1)):
            there = view in views
            inputs[view].append(
                torch.full((1, 24, 24), sign * (i + 1.0)) if there else None
            )
            if there:
                sample.set_data(
                    {view: DetDataSample(metainfo=dict(img_shape=(24, 24)))}
                )
        sample.gt_label = torch.tensor([label])
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def run(augment, views_of, labels, training=True):
    processor = BreastDataPreprocessor(
        num_channels=1, batch_augments=dict(augments=dict(augment))
    )
    return processor(batch(views_of, labels), training)


@pytest.mark.parametrize('kind', ['Mixup', 'CutMix'])
@pytest.mark.parametrize('seed', range(1, 6))
def test_both_views_are_mixed_alike(kind, seed):
    np.random.seed(seed)
    torch.manual_seed(seed)
    data = run(dict(type=kind, alpha=1.0), [('CC', 'MLO')] * 3, [0, 1, 1])
    torch.testing.assert_close(data['inputs']['CC'], -data['inputs']['MLO'])
    scores = torch.stack([s.gt_score for s in data['data_samples']])
    torch.testing.assert_close(scores.sum(1), torch.ones(3))
    assert (data['inputs']['CC'] != torch.tensor([1.0, 2, 3]).view(3, 1, 1, 1)).any()
    # the share of the other breast in the pixels is its share in the label
    one_hot = torch.eye(2)[[0, 1, 1]]
    for i, (image, score) in enumerate(zip(data['inputs']['CC'], scores)):
        fits = []
        for j in range(3):
            kept = 1.0 if i == j else float((image.mean() - (j + 1)) / (i - j))
            fits.append(
                (kept * one_hot[i] + (1 - kept) * one_hot[j] - score).abs().max()
            )
        assert min(fits) < 1e-5


def test_labels_move_with_the_images():
    processor = BreastDataPreprocessor(num_channels=1).to('meta')
    (sample,) = processor(batch([('CC', 'MLO')], [1]))['data_samples']
    assert sample.gt_label.device.type == 'meta'


def test_breasts_with_one_view_are_left_alone():
    np.random.seed(0)
    torch.manual_seed(1)
    views = [('CC', 'MLO'), ('CC',), ('CC', 'MLO'), ('MLO',)]
    data = run(dict(type='Mixup', alpha=1.0), views, [0, 1, 1, 0])
    cc, mlo = data['inputs']['CC'], data['inputs']['MLO']
    assert (cc[1] == 2).all() and (mlo[2] == -4).all()
    scores = [s.gt_score.tolist() for s in data['data_samples']]
    assert scores[1] == [0, 1] and scores[3] == [1, 0]
    mixed = cc[[0, 2]].flatten(1)
    assert (mixed.min(1).values >= 1).all() and (mixed.max(1).values <= 3).all()
    assert 0 < scores[0][1] < 1


def test_nothing_is_mixed_in_tests():
    data = run(dict(type='Mixup', alpha=1.0), [('CC', 'MLO')] * 2, [0, 1], False)
    assert (data['inputs']['CC'][1] == 2).all()
    assert 'gt_score' not in data['data_samples'][0]
