"""Probabilistic F1 by breast: hand-computed cases and a loop after the definition."""

import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from mammo_plugins.evaluation.functional import (
    best_f1_threshold,
    merge_breasts,
    probabilistic_f1,
    probabilistic_f1_summary,
)


def by_loop(labels, probabilities):
    """pF1 step by step, from precision and recall as the competition states them."""
    true_positive = false_positive = positives = 0.0
    for label, probability in zip(labels, probabilities):
        if label:
            positives += 1
            true_positive += probability
        else:
            false_positive += probability
    if true_positive == 0:
        return 0.0
    precision = true_positive / (true_positive + false_positive)
    recall = true_positive / positives
    return 2 / (1 / precision + 1 / recall)


def data(seed, n=80, ties=False):
    rng = np.random.default_rng(seed)
    breasts = rng.integers(0, 25, n)
    labels = (breasts % 4 == 0).astype(int)
    scores = np.clip(0.3 * labels + rng.uniform(0, 0.7, n), 0, 1)
    patients = [f'p{b // 2}' for b in breasts]
    return (
        labels,
        np.round(scores, 1) if ties else scores,
        patients,
        [f'{b // 2} {"LR"[b % 2]}' for b in breasts],
    )


@pytest.mark.parametrize(
    'labels, probabilities, expected',
    [
        ([1, 0], [1, 0], 1),
        ([1, 0], [0, 1], 0),
        ([1, 0], [0, 0], 0),  # nothing is called: as in the competition
        ([1, 0], [0.5, 0.5], 0.5),  # precision and recall are 1/2
        ([1, 1, 0, 0], [0.8, 0.4, 0.2, 0.1], 2 * 1.2 / (1.2 + 0.3 + 2)),
        ([1, 1], [0.5, 0.25], 2 * 0.75 / 2.75),  # precision 1, recall 0.375
        ([1] + [0] * 49, [1.0] * 50, 2 * 0.02 / 1.02),  # all called: precision 1/50
    ],
)
def test_by_hand(labels, probabilities, expected):
    assert probabilistic_f1(labels, probabilities) == pytest.approx(expected)
    assert by_loop(labels, probabilities) == pytest.approx(expected)


@pytest.mark.parametrize('labels', [[], [0, 0]])
def test_without_positives_it_is_undefined(labels):
    assert np.isnan(probabilistic_f1(labels, [0.5] * len(labels)))
    assert np.isnan(best_f1_threshold(labels, [0.5] * len(labels)))
    summary = probabilistic_f1_summary(
        labels,
        [0.5] * len(labels),
        range(len(labels)),
        range(len(labels)),
        n_bootstrap=4,
    )
    assert summary['pf1']['value'] is summary['f1_best']['value'] is None
    assert summary['threshold'] is summary['pf1']['low'] is None
    assert summary['no_interval'].startswith('none of the patients')
    json.dumps(summary, allow_nan=False)


@pytest.mark.parametrize('seed', range(4))
def test_zeros_and_ones_give_the_ordinary_f1(seed):
    rng = np.random.default_rng(seed)
    labels, called = rng.integers(0, 2, (2, 30))
    assert probabilistic_f1(labels, called) == pytest.approx(f1_score(labels, called))


@pytest.mark.parametrize('rule', ['mean', 'max'])
def test_breasts_by_a_loop(rule):
    labels, scores, _, breasts = data(1)
    positive, merged, first = merge_breasts(labels, scores, breasts, rule)
    names = list(dict.fromkeys(breasts))
    assert [breasts[i] for i in first] == names
    for name, label, score in zip(names, positive, merged):
        own = [i for i, breast in enumerate(breasts) if breast == name]
        expected = [scores[i] for i in own]
        expected = max(expected) if rule == 'max' else sum(expected) / len(own)
        assert score == pytest.approx(expected)
        assert label == any(labels[i] for i in own)


def test_one_positive_image_makes_a_positive_breast():
    positive, merged, _ = merge_breasts([0, 1, 0], [0.2, 0.4, 0.9], 'aab')
    assert positive.tolist() == [True, False]
    np.testing.assert_allclose(merged, [0.3, 0.9])


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('ties', [False, True])
def test_best_threshold_by_trying_all(seed, ties):
    labels, scores, patients, breasts = data(seed, ties=ties)
    positive, merged, _ = merge_breasts(labels, scores, breasts)
    tried = {t: f1_score(positive, merged >= t) for t in merged}
    found = best_f1_threshold(positive, merged)
    assert tried[found] == pytest.approx(max(tried.values()))
    assert found == max(
        t for t, f1 in tried.items() if f1 > max(tried.values()) - 1e-12
    )
    summary = probabilistic_f1_summary(labels, scores, patients, breasts, n_bootstrap=0)
    assert summary['threshold'] == found
    assert summary['f1_best']['value'] == pytest.approx(max(tried.values()))
    assert summary['pf1']['value'] == pytest.approx(by_loop(positive, merged))


def test_the_best_threshold_by_hand():
    # at 0.6: 2 of 3 called are right, 2 of 3 found; at 0.5: 3 of 5, 3 of 3
    labels = [1, 0, 1, 0, 1, 0]
    scores = [0.9, 0.8, 0.6, 0.55, 0.5, 0.1]
    assert best_f1_threshold(labels, scores) == 0.5
    assert probabilistic_f1_summary(labels, scores, 'abcdef', 'abcdef', n_bootstrap=0)[
        'f1_best'
    ]['value'] == pytest.approx(2 * 3 / (5 + 3))


def test_draws_are_of_patients_with_both_breasts():
    labels, scores, patients, breasts = data(5)
    summary = probabilistic_f1_summary(
        labels, scores, patients, breasts, n_bootstrap=30, seed=4
    )
    positive, merged, first = merge_breasts(labels, scores, breasts)
    owners = np.array([patients[i] for i in first])
    names = sorted(set(patients))
    rng = np.random.default_rng(4)
    for pf1, best in zip(summary['pf1']['draws'], summary['f1_best']['draws']):
        rows = np.concatenate(
            [
                np.flatnonzero(owners == names[i])
                for i in rng.integers(len(names), size=len(names))
            ]
        )
        assert pf1 == pytest.approx(by_loop(positive[rows], merged[rows]), abs=1e-6)
        # the threshold is held
        assert best == pytest.approx(
            f1_score(positive[rows], merged[rows] >= summary['threshold']), abs=1e-6
        )
    for name in ('pf1', 'f1_best'):
        figure = summary[name]
        assert figure['low'] == pytest.approx(
            np.quantile(figure['draws'], 0.025), abs=1e-6
        )
        assert figure['low'] < figure['value'] < figure['high']
    assert summary['breasts'] == len(set(breasts)) and summary['no_interval'] == ''


def test_an_interval_takes_two_patients_with_a_positive_breast():
    labels, scores = [1, 1, 0, 0], [0.9, 0.3, 0.2, 0.1]
    breasts = ['aL', 'aR', 'bL', 'cL']
    one = probabilistic_f1_summary(labels, scores, 'aabc', breasts, n_bootstrap=9)
    assert one['no_interval'] == (
        'only 1 of the patients has a positive breast, an interval needs two'
    )
    assert one['pf1']['value'] and one['pf1']['low'] is one['f1_best']['high'] is None
    assert one['pf1']['draws'] == [None] * 9
    two = probabilistic_f1_summary(labels, scores, 'adbc', breasts, n_bootstrap=99)
    assert two['pf1']['low'] < two['pf1']['value'] < two['pf1']['high']


def test_scores_that_are_no_probabilities():
    with pytest.raises(ValueError, match='needs probabilities'):
        probabilistic_f1([1, 0], [1.2, 0.1])
    summary = probabilistic_f1_summary(
        [1, 0, 1], [1.2, 0.1, 3], 'abc', 'abc', n_bootstrap=9
    )
    assert summary['pf1']['value'] is summary['pf1']['low'] is None
    assert summary['f1_best']['value'] == 1 and summary['threshold'] == 1.2


@pytest.mark.parametrize(
    'arguments, message',
    [
        (([1, 0], [0.5, 0.5], 'a'), '1 breasts for 2 samples'),
        (([1, 0], [0.5, 0.5], 'ab', 'median'), "'median'"),
        (([1, 2], [0.5, 0.5], 'ab'), 'labels must be'),
        (([1, 0], [0.5, np.nan], 'ab'), 'NaN'),
    ],
)
def test_mistakes(arguments, message):
    with pytest.raises(ValueError, match=message):
        merge_breasts(*arguments)
