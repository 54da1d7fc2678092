"""DeLong's test by its definition, by the bootstrap and by simulation."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mammo_plugins.evaluation.functional import (
    auc_covariance,
    auc_difference,
    bootstrap_auc,
)


def data(seed, n=150, a_patient=1, ties=False):
    """Labels, scores of two systems that see much alike, and patients."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n // a_patient), a_patient)
    shared = rng.normal(size=n // a_patient)[patients] + rng.normal(size=n)
    labels = (rng.uniform(size=n) < 0.4).astype(int)
    scores = np.stack([k * labels + shared + rng.normal(size=n) for k in (1.5, 0.8)])
    return labels, scores.round(0 if ties else 6), patients


def by_definition(labels, scores):
    """DeLong et al., equations 3 to 6, by all pairs."""
    positives, negatives = scores[:, labels == 1], scores[:, labels == 0]
    psi = (positives[:, :, None] > negatives[:, None]) + 0.5 * (
        positives[:, :, None] == negatives[:, None]
    )
    over, under = psi.mean(axis=2), psi.mean(axis=1)
    return psi.mean(axis=(1, 2)), (
        np.cov(over) / over.shape[1] + np.cov(under) / under.shape[1]
    )


def by_definition_of_clusters(labels, scores, patients):
    """Obuchowski 1997, section 2, by all pairs and loops over patients."""
    m, n = (labels == 1).sum(), (labels == 0).sum()
    k = len(scores)
    auc = [roc_auc_score(labels, row) for row in scores]
    rows = {}
    for p in set(patients.tolist()):
        mine = patients == p
        left = np.zeros((2, k))
        for s in range(k):
            for i in np.flatnonzero(mine):
                others = scores[s][labels != labels[i]]
                wins = np.mean((others < scores[s][i]) + 0.5 * (others == scores[s][i]))
                share = wins if labels[i] else 1 - wins
                left[1 - labels[i], s] += share - auc[s]
        rows[p] = left
    count = len(rows)
    has = [len(set(patients[labels == y].tolist())) for y in (1, 0)]
    total = np.zeros((k, k))
    for left in rows.values():
        total += np.outer(left[0], left[0]) * has[0] / (has[0] - 1) / m**2
        total += np.outer(left[1], left[1]) * has[1] / (has[1] - 1) / n**2
        cross = np.outer(left[0], left[1]) * count / (count - 1) / (m * n)
        total += cross + cross.T
    return total


@pytest.mark.parametrize('ties', [False, True])
@pytest.mark.parametrize('seed', range(3))
def test_definition(seed, ties):
    labels, scores, patients = data(seed, ties=ties)
    expected = by_definition(labels, scores)
    aucs, covariance = auc_covariance(labels, scores, patients)
    np.testing.assert_allclose(aucs, expected[0])
    np.testing.assert_allclose(covariance, expected[1])
    assert aucs[0] == pytest.approx(roc_auc_score(labels, scores[0]))


@pytest.mark.parametrize('ties', [False, True])
def test_definition_of_clusters(ties):
    labels, scores, patients = data(4, n=90, a_patient=3, ties=ties)
    np.testing.assert_allclose(
        auc_covariance(labels, scores, patients)[1],
        by_definition_of_clusters(labels, scores, patients),
    )


@pytest.mark.parametrize('a_patient', [1, 4])
def test_bootstrap_agrees(a_patient):
    """Two ways to one standard error, by patient in both."""
    labels, scores, patients = data(5, n=600, a_patient=a_patient)
    found = auc_difference(labels, *scores, patients)
    draws = np.subtract(
        *(bootstrap_auc(labels, row, patients, 400, seed=1) for row in scores)
    )
    assert found.standard_error == pytest.approx(draws.std(), rel=0.12)
    low, high = np.quantile(draws, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.012)


def test_p_value_where_nothing_differs():
    """Of two systems of one quality a twentieth has p < 0.05, clusters or not."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(300):
        patients = np.repeat(np.arange(40), 2)
        labels = rng.integers(0, 2, 80)
        shared = rng.normal(size=(2, 40))[:, patients]
        scores = labels + shared + rng.normal(size=(2, 80))
        hits += auc_difference(labels, *scores, patients).p_value < 0.05
    assert 4 <= hits <= 32  # of 15 expected; 0.001 of chance either way


def test_equal_systems():
    labels, scores, patients = data(6)
    found = auc_difference(labels, scores[0], scores[0], patients)
    assert (found.value, found.standard_error, found.p_value) == (0, 0, 1)


def test_too_few_patients():
    found = auc_difference([1, 0, 0], [3, 2, 1], [3, 1, 2], 'abc')
    assert found.value == 0 and np.isnan([found.low, found.p_value]).all()
    assert np.isnan(auc_difference([1, 1], [1, 2], [2, 1], 'ab').value)
    with pytest.raises(ValueError, match='one entry a sample'):
        auc_difference([1, 0], [1, 2], [2, 1], 'abc')
