"""ReconstructionMetric on the phantom's own lesion-free pixels."""

import json

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from mammo_plugins.anatomy import breast_mask
from mammo_plugins.evaluation.functional import (
    RECONSTRUCTION_FIGURES,
    bootstrap_means,
    means_summary,
    reconstruction_errors,
    similarity,
)
from mammo_plugins.evaluation.metrics import ReconstructionMetric
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

SIZE = (40, 24)


def images(seed=0):
    """Truth, a lesion of 0.3 more, its mask, a guess, and the breast."""
    rng = np.random.default_rng(seed)
    truth = np.zeros(SIZE)
    truth[4:36, :16] = rng.uniform(0.4, 0.6, (32, 16))
    lesion = np.zeros(SIZE, bool)
    lesion[10:18, 4:10] = True
    guess = np.where(lesion, truth - 0.1, truth + 0.05)
    return truth, truth + 0.3 * lesion, lesion, guess, truth > 0


def test_errors_by_hand():
    truth, image, lesion, guess, breast = images()
    found = reconstruction_errors(guess, truth, image, lesion, breast)
    assert found == pytest.approx((0.1, 0.3, -0.1, 0.05))
    nothing = reconstruction_errors(
        guess, truth, image, np.zeros_like(lesion), np.zeros_like(breast)
    )
    assert np.isnan(nothing).all()


def test_errors_refuse_other_shapes():
    truth, image, lesion, guess, breast = images()
    with pytest.raises(ValueError, match='shapes'):
        reconstruction_errors(guess[1:], truth, image, lesion, breast)


def test_bootstrap_of_means_is_that_of_a_loop():
    rng = np.random.default_rng(1)
    figures = rng.normal(size=(7, 2))
    figures[[1, 4], 0] = np.nan
    patients = ['a', 'a', 'b', 'c', 'c', 'c', 'd']
    names = sorted(set(patients))
    drawing = np.random.default_rng(3)
    for row in bootstrap_means(figures, patients, 30, seed=3):
        chosen = drawing.integers(4, size=4)
        rows = [k for c in chosen for k, p in enumerate(patients) if p == names[c]]
        for column in range(2):
            values = [
                figures[k, column] for k in rows if not np.isnan(figures[k, column])
            ]
            assert row[column] == pytest.approx(
                np.mean(values) if values else np.nan, nan_ok=True
            )


def test_summary_of_what_no_sample_has():
    figures = np.array([[1.0, np.nan], [3.0, np.nan]])
    summary = means_summary(figures, ('some', 'none'), ['a', 'b'], 10)
    assert summary['figures']['some']['value'] == 2
    assert summary['figures']['none'] == dict(value=None, low=None, high=None)


def sample(lesions, patient='p', sides='R', seed=0, **change):
    """A pair of which the first side has lesions, and its inputs."""
    pair = MultiViewDataSample(metainfo=dict(exam_id='e', patient_id=patient))
    inputs = dict(R=None, L=None)
    for k, side in enumerate(sides):
        truth, image, lesion, guess, _ = images(seed + k)
        ill = lesions and not k
        view = DetDataSample(metainfo=dict(img_path=f'{side}.dcm', img_shape=SIZE))
        fields = dict(
            normal_img=torch.tensor(guess), clean_img=torch.tensor(truth)[None]
        )
        for name, value in dict(fields, **change).items():
            if value is not None:
                view.set_field(value, name)
        view.gt_instances = InstanceData(
            bboxes=torch.tensor([[4.0, 10, 10, 18]] if ill else []).reshape(-1, 4)
        )
        pair.set_data({side: view})
        inputs[side] = torch.tensor(image if ill else truth)[None]
    return pair, inputs


def evaluate(samples, **arguments):
    evaluator = Evaluator([ReconstructionMetric(**arguments)])
    pairs, inputs = zip(*samples)
    evaluator.process(
        list(pairs), dict(inputs={side: [own[side] for own in inputs] for side in 'RL'})
    )
    return evaluator.evaluate(len(pairs))


def test_metric(tmp_path):
    """Every view is held against its own pixels; some samples lack a side."""
    found = evaluate(
        [
            sample(True, sides='RL'),
            sample(False, 'q', 'L', seed=5),
            sample(True, 'r', 'LR', seed=9),
        ],
        n_bootstrap=20,
        out_dir=str(tmp_path),
    )
    assert found['reconstruction/inside'] == pytest.approx(0.1)
    assert found['reconstruction/inside_unchanged'] == pytest.approx(0.3)
    assert found['reconstruction/inside_bias'] == pytest.approx(-0.1)
    # healthy views: the guess's dark spot of 48 pixels is an error around
    breast = 32 * 16
    healthy = (48 * 0.1 + (breast - 48) * 0.05) / breast
    assert found['reconstruction/outside'] == pytest.approx(
        (2 * 0.05 + 3 * healthy) / 5, rel=0.02
    )
    assert found['reconstruction/n_images'] == 5
    assert found['reconstruction/n_abnormal'] == 2
    summary = json.loads((tmp_path / 'reconstruction.json').read_text())
    assert tuple(summary['figures']) == (
        *RECONSTRUCTION_FIGURES,
        'similarity',
        'similarity_truth',
        'agreement',
    )
    assert len(summary['draws']['inside']) == 20


def test_similarity_is_pearsons():
    rng = np.random.default_rng(0)
    one, other, region = rng.random((3, 20, 10))
    region = region > 0.5
    assert similarity(one, other, region) == pytest.approx(
        np.corrcoef(one[region], other[region])[0, 1]
    )
    assert similarity(one, 3 * one + 1, region) == pytest.approx(1)
    assert np.isnan(similarity(one, np.full_like(one, 0.3), region))
    region[:] = False
    assert np.isnan(similarity(one, other, region))


def test_one_pattern_for_all_breasts_is_told():
    """Each view against the same view of the patient before."""
    pattern = torch.rand(SIZE, dtype=torch.float64, generator=torch.manual_seed(0))
    numbers = range(0, 30, 10)
    same = evaluate(
        [sample(False, str(k), 'RL', k, normal_img=pattern) for k in numbers],
        n_bootstrap=0,
    )
    assert same['reconstruction/similarity'] == pytest.approx(1)
    found = evaluate([sample(False, str(k), 'RL', k) for k in numbers], n_bootstrap=0)
    expected = []
    for one, other in ((0, 10), (10, 20)):
        for side in (0, 1):
            (truth, _, _, guess, _), (truth2, _, _, guess2, _) = (
                images(k + side) for k in (one, other)
            )
            both = breast_mask(truth) & breast_mask(truth2)
            expected.append(
                [
                    np.corrcoef(a[both], b[both])[0, 1]
                    for a, b in ((guess, guess2), (truth, truth2))
                ]
            )
    assert [
        found['reconstruction/similarity'],
        found['reconstruction/similarity_truth'],
    ] == pytest.approx(np.mean(expected, axis=0))
    # CC is compared with CC, although the MLO views of the same patient lie between
    both = [
        sample(False, str(k), 'R', k + (view == 'MLO'))
        for k in (0, 10)
        for view in ('CC', 'MLO')
    ]
    for i, (pair, _) in enumerate(both):
        pair.R.set_metainfo(dict(view=('CC', 'MLO')[i % 2]))
    first = evaluate(both, n_bootstrap=0)['reconstruction/similarity']
    assert first == pytest.approx(np.mean(expected[:2], axis=0)[0])
    # a patient is not compared with itself
    alone = evaluate([sample(False, 'p', 'R', k) for k in numbers], n_bootstrap=0)
    assert np.isnan(alone['reconstruction/similarity'])


@pytest.mark.parametrize('ratio, expected', [(0, 1), (3, 0.5), (99, 0.1)])
def test_agreement_in_closed_form(ratio, expected):
    """Noise that has nothing of the truth, ``ratio`` times its variance."""
    truth = images(3)[0]
    breast = breast_mask(truth)
    pixels = truth[breast]
    noise = np.random.default_rng(4).normal(size=pixels.size)
    known = np.stack([np.ones_like(pixels), pixels], axis=1)
    noise -= known @ np.linalg.lstsq(known, noise, rcond=None)[0]
    guess = np.zeros(SIZE)  # air does not count
    guess[breast] = 0.2 + pixels + noise * np.sqrt(ratio * pixels.var() / noise.var())
    found = evaluate(
        [sample(False, seed=3, normal_img=torch.tensor(guess))], n_bootstrap=0
    )
    assert found['reconstruction/agreement'] == pytest.approx(expected)


@pytest.mark.parametrize(
    'missing, hint', [('normal_img', 'decoder'), ('clean_img', 'LoadPhantomNormal')]
)
def test_missing_images_are_named(missing, hint):
    with pytest.raises(ValueError, match=f'R.dcm: no {missing}; .*{hint}'):
        evaluate([sample(True, **{missing: None})])
