"""Operating points and subgroups against loops over copies of patients."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mammo_plugins.evaluation.functional import (
    bootstrap_point,
    operating_threshold,
    point_summary,
    roc_curve,
    subgroup_table,
)


def data(seed, n=120, ties=False):
    rng = np.random.default_rng(seed)
    labels = (rng.uniform(size=n) < 0.3).astype(int)
    scores = np.clip(0.25 * labels + rng.uniform(0, 0.75, n), 0, 1)
    return labels, scores.round(1) if ties else scores, rng.integers(0, 40, n)


def figures(labels, scores, rule, value):
    """The best threshold of all that there are, by counting."""
    best = None
    given = rule == 'threshold'
    for threshold in [value] if given else [np.inf, *np.unique(scores)[::-1]]:
        called = scores >= threshold
        found = (
            called[labels == 1].mean(),
            1 - called[labels == 0].mean(),
            called.mean(),
        )
        fits = dict(
            specificity=found[1] >= value - 1e-12,
            sensitivity=found[0] >= value - 1e-12,
            recall_rate=found[2] <= value + 1e-12,
            threshold=True,
        )[rule]
        good = found[1] if rule == 'sensitivity' else found[0]
        if fits and (best is None or good > best[0] + 1e-12):
            best = good, found
    return best[1]


RULES = [('specificity', 0.9), ('sensitivity', 0.8), ('recall_rate', 0.15)]


@pytest.mark.parametrize('ties', [False, True])
@pytest.mark.parametrize('rule, value', [*RULES, ('threshold', 0.4)])
def test_bootstrap_chooses_anew(rule, value, ties):
    """But for a given threshold: as if patients were copied out."""
    labels, scores, patients = data(1, ties=ties)
    draws = bootstrap_point(labels, scores, patients, rule, value, 12, seed=3)
    names = sorted(set(map(str, patients)))
    rng = np.random.default_rng(3)
    for draw in draws:
        drawn = rng.integers(len(names), size=len(names))
        rows = np.concatenate(
            [np.flatnonzero(patients.astype(str) == names[k]) for k in drawn]
        )
        expected = figures(labels[rows], scores[rows], rule, value)
        np.testing.assert_allclose(draw, expected)


def test_recall_rate():
    """At most one of four is called: the one with the highest score."""
    curve = roc_curve([1, 1, 0, 0], [0.9, 0.7, 0.8, 0.1])
    assert operating_threshold(curve, 'recall_rate', 0.25) == 0.9
    assert operating_threshold(curve, 'recall_rate', 0.2) == np.inf
    # calling two is no better than one, calling three is
    assert operating_threshold(curve, 'recall_rate', 0.5) == 0.9
    assert operating_threshold(curve, 'recall_rate', 0.75) == 0.7


@pytest.mark.parametrize('rule, value', RULES)
def test_summary(rule, value):
    labels, scores, patients = data(2)
    found = point_summary(labels, scores, patients, rule, value, 200)
    expected = figures(labels, scores, rule, value)
    for name, figure in zip(('sensitivity', 'specificity', 'recall_rate'), expected):
        assert found[name] == pytest.approx(figure)
        assert found[f'{name}_low'] <= figure <= found[f'{name}_high']
    again = point_summary(labels, scores, patients, 'threshold', found['threshold'], 0)
    assert [again[k] for k in ('sensitivity', 'recall_rate')] == [
        found[k] for k in ('sensitivity', 'recall_rate')
    ]
    assert again['sensitivity_low'] is None and not found['warning']
    assert json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    'labels, patients, warning',
    [
        ([1] * 9 + [0] * 20, range(29), 'few cases: 9 positive patients'),
        ([1] * 12 + [0] * 20, range(32), ''),
        ([1, 0] * 20, [0] * 40, 'few cases: 1 positive and 1 negative patients'),
    ],
)
def test_few_cases(labels, patients, warning):
    scores = np.linspace(0, 1, len(labels))
    found = point_summary(labels, scores, list(patients), 'threshold', 0.5, 20)
    assert found['warning'] == warning
    assert (found['sensitivity_low'] is None) == (len(set(patients)) < 2)


def test_no_operating_point():
    with pytest.raises(ValueError, match='expected \\(rule, value\\)'):
        point_summary([0, 1], [0, 1], 'ab', 'recall')
    with pytest.raises(ValueError, match='from 0 to 1'):
        point_summary([0, 1], [0, 1], 'ab', 'recall_rate', 7)
    found = point_summary([1, 1], [0.2, 0.9], 'ab', 'specificity', 0.9, 5)
    assert found['threshold'] is None and found['sensitivity'] is None


def test_subgroups():
    labels, scores, patients = data(3)
    groups = [('A', 'B', None)[p % 3] for p in patients]
    table = subgroup_table(labels, scores, patients, groups, 0.5, n_bootstrap=50)
    assert [row['group'] for row in table] == [None, 'A', 'B', 'unknown']
    for row in table:
        inside = np.array(
            [row['group'] in (None, g or 'unknown') for g in groups], bool
        )
        y, s = labels[inside], scores[inside]
        assert (row['samples'], row['positives']) == (inside.sum(), y.sum())
        assert row['auc'] == pytest.approx(roc_auc_score(y, s))
        assert row['auc_low'] < row['auc'] < row['auc_high']
        assert row['sensitivity'] == pytest.approx((s[y == 1] >= 0.5).mean())
        assert row['specificity'] == pytest.approx((s[y == 0] < 0.5).mean())
        assert row['recall_rate'] == pytest.approx((s >= 0.5).mean())
    alone = subgroup_table(labels, scores, patients, groups, n_bootstrap=5)[1]
    assert alone['sensitivity'] is None and alone['auc'] == table[1]['auc']
    assert json.dumps(table, allow_nan=False) and json.dumps(alone, allow_nan=False)


def test_subgroups_of_positives():
    """Each against all negatives, that have no size of a lesion."""
    labels = np.array([1, 1, 0, 0, 0])
    scores = np.array([0.9, 0.2, 0.1, 0.3, 0.5])
    table = subgroup_table(
        labels, scores, range(5), ['big', 'small', None, None, None], 0.4, True, 0
    )
    assert [row['group'] for row in table] == [None, 'big', 'small']
    assert [row['auc'] for row in table] == pytest.approx([4 / 6, 1, 1 / 3])
    assert [row['samples'] for row in table] == [5, 4, 4]
    assert [row['sensitivity'] for row in table] == [0.5, 1, 0]
    assert [row['specificity'] for row in table] == pytest.approx([2 / 3] * 3)
    with pytest.raises(ValueError, match='one a sample'):
        subgroup_table(labels, scores, range(5), ['big'])
