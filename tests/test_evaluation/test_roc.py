"""ROC figures against scikit-learn and brute force."""

import json
from itertools import product

import numpy as np
import pytest
from sklearn import metrics as sk

from mammo_plugins.evaluation.functional import (
    best_macro_f1_threshold,
    bootstrap_auc,
    bootstrap_macro_f1,
    confusion,
    operating_threshold,
    roc_auc,
    roc_curve,
    roc_summary,
)


def data(seed, n=60, ties=False):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    scores = np.clip(0.25 * labels + rng.uniform(0, 0.75, n), 0, 1)
    return labels, np.round(scores, 1) if ties else scores, rng.integers(0, 15, n)


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('ties', [False, True])
def test_auc_and_curve(seed, ties):
    labels, scores, _ = data(seed, ties=ties)
    assert roc_auc(labels, scores) == pytest.approx(sk.roc_auc_score(labels, scores))
    pairs = [
        (p > n) + (p == n) / 2
        for p, n in product(scores[labels == 1], scores[labels == 0])
    ]
    assert roc_auc(labels, scores) == pytest.approx(np.mean(pairs))
    fpr, tpr, thresholds = sk.roc_curve(labels, scores, drop_intermediate=False)
    curve = roc_curve(labels, scores)
    np.testing.assert_allclose(curve.sensitivity, tpr)
    np.testing.assert_allclose(curve.specificity, 1 - fpr)
    np.testing.assert_allclose(curve.thresholds[1:], thresholds[1:])


def test_hand_computed():
    labels, scores = [0, 1, 1, 0], [0.1, 0.9, 0.4, 0.4]
    assert roc_auc(labels, scores) == (1 + 1 + 1 + 0.5) / 4
    curve = roc_curve(labels, scores)
    np.testing.assert_array_equal(curve.thresholds, [np.inf, 0.9, 0.4, 0.1])
    np.testing.assert_array_equal(curve.sensitivity, [0, 0.5, 1, 1])
    np.testing.assert_array_equal(curve.specificity, [1, 1, 0.5, 0])


@pytest.mark.parametrize(
    'labels, scores', [([], []), ([1, 1], [0.2, 0.3]), ([0], [0.5])]
)
def test_without_both_classes_auc_is_undefined(labels, scores):
    assert np.isnan(roc_auc(labels, scores))
    summary = roc_summary(labels, scores, ['p'] * len(labels), n_bootstrap=5)
    assert summary['auc'] is summary['auc_low'] is summary['auc_high'] is None
    assert summary['operating_points'][1]['threshold'] is None
    json.dumps(summary, allow_nan=False)


def test_bootstrap_resamples_patients():
    labels, scores, patients = data(7)
    draws = bootstrap_auc(labels, scores, patients, 30, seed=3)
    names = sorted({str(p) for p in patients})
    rng = np.random.default_rng(3)
    for value in draws:
        rows = np.concatenate(
            [
                np.flatnonzero(patients.astype(str) == names[i])
                for i in rng.integers(len(names), size=len(names))
            ]
        )
        assert value == pytest.approx(sk.roc_auc_score(labels[rows], scores[rows]))
    rng = np.random.default_rng(3)
    for value in bootstrap_macro_f1(labels, scores, patients, 0.4, 30, seed=3):
        rows = np.concatenate(
            [
                np.flatnonzero(patients.astype(str) == names[i])
                for i in rng.integers(len(names), size=len(names))
            ]
        )
        assert value == pytest.approx(
            sk.f1_score(labels[rows], scores[rows] >= 0.4, average='macro')
        )
    summary = roc_summary(labels, scores, patients, n_bootstrap=30, seed=3)
    assert summary['auc_low'] == pytest.approx(np.quantile(draws, 0.025))
    assert summary['auc_high'] == pytest.approx(np.quantile(draws, 0.975))


def test_draws_without_a_class_are_left_out():
    draws = bootstrap_auc([1, 0], [0.9, 0.1], ['a', 'b'], 50)
    assert np.isnan(draws).any() and (draws[~np.isnan(draws)] == 1).all()
    draws = bootstrap_auc([1, 1, 0, 0], [0.9, 0.8, 0.1, 0.2], 'abcd', 50)
    assert np.isnan(draws).any()
    summary = roc_summary([1, 1, 0, 0], [0.9, 0.8, 0.1, 0.2], 'abcd', 50)
    assert summary['auc_low'] == summary['auc_high'] == 1


@pytest.mark.parametrize(
    'patients, reason',
    [
        ('aaaaaa', 'only 1 of the patients has a positive sample'),
        ('aaabcd', 'only 1 of the patients has a positive sample'),
        ('abcddd', 'only 1 of the patients has a negative sample'),
        ('abbabb', ''),
        ('abcdef', ''),
    ],
)
def test_an_interval_takes_two_patients_of_each_class(patients, reason):
    labels, scores = [1, 1, 1, 0, 0, 0], [0.9, 0.4, 0.8, 0.1, 0.2, 0.6]
    summary = roc_summary(labels, scores, patients, 40)
    assert summary['auc'] == pytest.approx(8 / 9)
    assert summary['no_interval'] == (reason and reason + ', an interval needs two')
    point = summary['operating_points'][0]
    for draws in (summary['draws'], point['macro_f1_draws']):
        assert len(draws) == 40
        assert (
            (set(draws) == {None})
            if reason
            else any(draw is not None for draw in draws)
        )
    assert (summary['auc_low'] is None) == (summary['auc_high'] is None) == bool(reason)
    assert point['macro_f1'] is not None


def test_without_draws_nothing_is_said_of_intervals():
    assert roc_summary([1, 0], [0.9, 0.1], 'aa', 0)['no_interval'] == ''


@pytest.mark.parametrize('threshold', [0.0, 0.3, 0.5, 0.95, 2.0, np.inf])
def test_confusion(threshold):
    labels, scores, _ = data(1, ties=True)
    called = scores >= threshold
    found = confusion(labels, scores, threshold)
    assert found['macro_f1'] == pytest.approx(
        sk.f1_score(labels, called, average='macro', labels=[0, 1], zero_division=0)
    )
    assert found['sensitivity'] == pytest.approx(sk.recall_score(labels, called))
    assert found['specificity'] == pytest.approx(
        sk.recall_score(labels, called, pos_label=0)
    )
    if called.any():
        assert found['precision'] == pytest.approx(sk.precision_score(labels, called))
    else:
        assert np.isnan(found['precision'])


@pytest.mark.parametrize('seed', range(3))
def test_operating_points_by_brute_force(seed):
    labels, scores, _ = data(seed, ties=True)
    curve = roc_curve(labels, scores)
    figures = [confusion(labels, scores, t) for t in curve.thresholds]

    def at(rule, value=None):
        return confusion(labels, scores, operating_threshold(curve, rule, value))

    for value in (0.0, 0.5, 0.9, 1.0):
        found = at('specificity', value)
        assert found['specificity'] >= value - 1e-9
        assert found['sensitivity'] == max(
            f['sensitivity'] for f in figures if f['specificity'] >= value - 1e-9
        )
        found = at('sensitivity', value)
        assert found['sensitivity'] >= value - 1e-9
        assert found['specificity'] == max(
            f['specificity'] for f in figures if f['sensitivity'] >= value - 1e-9
        )
    found = at('youden')
    assert found['sensitivity'] + found['specificity'] == pytest.approx(
        max(f['sensitivity'] + f['specificity'] for f in figures)
    )
    assert operating_threshold(curve, 'threshold', 0.42) == 0.42


@pytest.mark.parametrize('seed', range(4))
def test_best_macro_f1_by_brute_force(seed):
    """Over all thresholds, with scikit-learn; of equal ones the middle."""
    labels, scores, patients = data(seed, ties=True)
    scores = scores / 3  # none reaches 0.5
    threshold = best_macro_f1_threshold(labels, scores)
    figures = {
        t: sk.f1_score(labels, scores >= t, average='macro')
        for t in [*np.unique(scores), np.inf]
    }
    best = max(figures.values())
    assert sk.f1_score(labels, scores >= threshold, average='macro') == (
        pytest.approx(best)
    )
    highest = max(t for t, f in figures.items() if f > best - 1e-9)
    below = max(
        (t for t, f in figures.items() if t < highest and f < best - 1e-9),
        default=min(figures),
    )
    assert threshold == pytest.approx((highest + below) / 2)
    summary = roc_summary(labels, scores, patients, 0)
    assert summary['best_macro_f1_threshold'] == threshold
    assert summary['operating_points'][0]['macro_f1'] < best
    assert np.isnan(best_macro_f1_threshold(np.zeros(3), scores[:3]))


def test_threshold_of_what_is_known_by_heart():
    scores = np.array([0.001, 0.02, 0.01, 0.991, 0.9999, 1.0])
    assert best_macro_f1_threshold(np.arange(6) > 2, scores) == pytest.approx(
        (0.991 + 0.02) / 2
    )
    # calling nothing is best
    assert (
        best_macro_f1_threshold(np.array([0, 0, 1]), np.array([0.9, 0.8, 0.1]))
        == np.inf
    )


def test_log_loss():
    labels, scores, patients = data(2)
    scores = np.clip(scores, 0.01, 0.99)
    assert roc_summary(labels, scores, patients, 0)['log_loss'] == pytest.approx(
        sk.log_loss(labels, scores), rel=1e-6
    )
    assert roc_summary(labels, scores * 9, patients, 0)['log_loss'] is None


@pytest.mark.parametrize(
    'labels, scores, patients, rules, message',
    [
        ([0, 2], [0.1, 0.2], 'ab', [], 'labels must be'),
        ([0, 1], [0.1, np.nan], 'ab', [], 'NaN'),
        ([0, 1], [0.1], 'ab', [], 'shapes'),
        ([0, 1], [0.1, 0.2], 'a', [], '1 patients'),
        ([0, 1], [0.1, 0.2], 'ab', [('best', None)], 'best'),
        ([0, 1], [0.1, 0.2], 'ab', [('specificity', 90)], 'from 0 to 1'),
        ([0, 1], [0.1, 0.2], 'ab', [('chosen', None)], "'chosen' needs a value"),
        ([0, 1], [0.1, 0.2], 'ab', [('threshold', None)], 'needs a value'),
    ],
)
def test_mistakes(labels, scores, patients, rules, message):
    with pytest.raises(ValueError, match=message):
        roc_summary(labels, scores, list(patients), 5, operating_points=rules)
