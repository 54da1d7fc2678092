"""Calibration against scikit-learn, SciPy and closed forms."""

import json

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression as Isotonic
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from mammo_plugins.evaluation.functional import (
    CALIBRATORS,
    IsotonicRegression,
    TemperatureScaling,
    brier_score,
    calibration_summary,
    expected_calibration_error,
    pool_adjacent_violators,
    reliability_bins,
)


def data(seed, n=300, ties=False):
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.01, 0.99, n)
    labels = (rng.uniform(size=n) < expit(logit(scores) / 2)).astype(int)
    return labels, np.round(scores, 1).clip(0.05, 0.95) if ties else scores


@pytest.mark.parametrize('seed', range(3))
def test_pool_adjacent_violators(seed):
    rng = np.random.default_rng(seed)
    values, weights = rng.normal(size=50).round(1), rng.uniform(0.1, 3, 50)
    expected = Isotonic().fit_transform(np.arange(50), values, sample_weight=weights)
    np.testing.assert_allclose(pool_adjacent_violators(values, weights), expected)


def test_pooled_by_hand():
    np.testing.assert_allclose(
        pool_adjacent_violators([1, 3, 2, 0, 5]), [1, 5 / 3, 5 / 3, 5 / 3, 5]
    )
    assert pool_adjacent_violators([]).shape == (0,)
    assert pool_adjacent_violators([2]).tolist() == [2]


@pytest.mark.parametrize('ties', [False, True])
@pytest.mark.parametrize('seed', range(3))
def test_isotonic(seed, ties):
    labels, scores = data(seed, ties=ties)
    new = np.linspace(0, 1, 501)
    expected = Isotonic(out_of_bounds='clip').fit(scores, labels)
    found = IsotonicRegression.fit(labels, scores)
    np.testing.assert_allclose(found(new), expected.predict(new), atol=1e-9)
    assert brier_score(labels, found(scores)) <= brier_score(labels, scores)


@pytest.mark.parametrize('seed', range(3))
def test_temperature_is_a_logistic_regression(seed):
    """Of one slope without intercept."""
    labels, scores = data(seed)
    regression = LogisticRegression(C=1e12, fit_intercept=False, tol=1e-10)
    slope = regression.fit(logit(scores)[:, None], labels).coef_.item()
    found = TemperatureScaling.fit(labels, scores)
    assert 1 / found.temperature == pytest.approx(slope, rel=1e-4)
    assert found.temperature == pytest.approx(2, rel=0.5)  # as they were made


def test_temperature_in_closed_form():
    """Of one score p, a share s of which is right: sigmoid(logit(p) / T) = s."""
    labels = np.repeat([1, 0], [70, 30])
    found = TemperatureScaling.fit(labels, np.full(100, 0.9))
    assert found.temperature == pytest.approx(logit(0.9) / logit(0.7), rel=1e-6)
    assert found(np.array([0.9]))[0] == pytest.approx(0.7)


def test_certain_scores_stay_finite():
    labels, scores = np.array([0, 1, 1, 0]), np.array([0.0, 1.0, 0.0, 1.0])
    for calibrator in CALIBRATORS.values():
        found = calibrator.fit(labels, scores)(scores)
        assert np.isfinite(found).all() and (0 <= found).all() and (found <= 1).all()


@pytest.mark.parametrize('calibrator', CALIBRATORS.values())
def test_what_cannot_be_fitted(calibrator):
    with pytest.raises(ValueError, match='2 positive and 0 negative'):
        calibrator.fit([1, 1], [0.2, 0.3])
    with pytest.raises(ValueError, match='needs probabilities'):
        calibrator.fit([0, 1], [0.2, 1.3])


@pytest.mark.parametrize('calibrator', CALIBRATORS.values())
def test_parameters_are_all(calibrator):
    labels, scores = data(0)
    fitted = calibrator.fit(labels, scores)
    again = calibrator(**json.loads(json.dumps(fitted.parameters())))
    np.testing.assert_array_equal(again(scores), fitted(scores))
    assert (np.diff(fitted(np.linspace(0, 1, 99))) >= 0).all()


def test_brier_score():
    labels, scores = data(1)
    assert brier_score(labels, scores) == pytest.approx(
        brier_score_loss(labels, scores)
    )
    assert brier_score([1, 0], [0.8, 0.4]) == pytest.approx((0.04 + 0.16) / 2)
    assert np.isnan(brier_score([], []))


def test_bins():
    labels, scores = data(2)
    share, mean = calibration_curve(labels, scores, n_bins=10)
    bins = reliability_bins(labels, scores, 10)
    np.testing.assert_allclose(bins.positive_share, share)
    np.testing.assert_allclose(bins.mean_score, mean)
    expected = sum(
        abs(labels[inside].mean() - scores[inside].mean()) * inside.mean()
        for k in range(10)
        for inside in [(scores >= k / 10) & (scores < (k + 1) / 10)]
        if inside.any()
    )
    assert expected_calibration_error(labels, scores) == pytest.approx(expected)


def test_bins_by_hand():
    """1 is in the last bin; empty ones are not there."""
    bins = reliability_bins([0, 1, 1], [0.0, 1.0, 0.95], 10)
    assert bins.counts.tolist() == [1, 2] and bins.low.tolist() == [0, 0.9]
    found = expected_calibration_error([0, 1, 1], [0.0, 1.0, 0.95])
    assert found == pytest.approx(2 / 3 * (1 - 0.975))


def test_summary():
    labels, scores = data(3)
    patients = np.arange(300) // 3
    found = calibration_summary(labels, scores, patients, n_bootstrap=200)
    assert found['brier']['value'] == pytest.approx(brier_score(labels, scores))
    assert found['ece']['value'] == pytest.approx(
        expected_calibration_error(labels, scores)
    )
    for name in ('brier', 'ece'):
        assert found[name]['low'] < found[name]['high']
    # standard error of a mean of 100 independent patients
    by_patient = ((scores - labels) ** 2).reshape(100, 3).mean(axis=1)
    width = 2 * 1.96 * by_patient.std() / 10
    assert found['brier']['high'] - found['brier']['low'] == pytest.approx(width, 0.2)
    assert json.dumps(found, allow_nan=False)
    one = calibration_summary(labels, scores, ['p'] * 300, n_bootstrap=10)
    assert one['brier']['low'] is None
    assert calibration_summary([0, 1], [0.5, 2.0], 'ab') is None
    assert calibration_summary([], [], []) is None
