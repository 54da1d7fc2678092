"""Calibration of probabilities: measuring and correcting miscalibration.

A classifier is calibrated if a share p of all samples with probability p is positive.
Ranks, and with them AUC and FROC, do not show this: increasing maps do not change them.
Such a map is fitted on samples that were not used for training:

- temperature (Guo et al., On calibration of modern neural networks, ICML 2017, section
  4.2): the logit is divided by the number with the lowest log loss;
- isotonic (Zadrozny and Elkan, Transforming classifier scores into accurate
  multiclass probability estimates, KDD 2002): the nondecreasing step function with the
  lowest squared error, by pooling adjacent violators (Ayer et al., 1955).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from .bootstrap import (
    json_number,
    no_interval,
    patient_weights,
    percentile_interval,
    to_json,
)
from .roc import are_probabilities, checked_scores

TINY = 1e-7  # a probability of 0 or 1 has no logit
COARSEST, FINEST = 1e-3, 1e3  # range of temperatures


def _probabilities(
    labels: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    positive, scores = checked_scores(labels, scores)
    if not are_probabilities(scores):
        raise ValueError('a score is not in [0, 1]; calibration needs probabilities')
    return positive, scores


def pool_adjacent_violators(
    values: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return the nondecreasing sequence closest to another in weighted squares.

    Args:
        values (np.ndarray): Shape (n, ).
        weights (np.ndarray, optional): Positive weights, shape (n, ). Defaults to
            ``None``, all 1.

    Returns:
        np.ndarray: Shape (n, ).
    """
    values = np.asarray(values, float)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, float)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for mean, weight in zip(values, weights):
        length = 1
        while blocks and blocks[-1][0] >= mean:
            before, its_weight, its_length = blocks.pop()
            mean = (before * its_weight + mean * weight) / (its_weight + weight)
            weight, length = weight + its_weight, length + its_length
        blocks.append((mean, weight, length))
    means, _, lengths = zip(*blocks) if blocks else ((), (), ())
    return np.repeat(np.array(means, float), np.array(lengths, int))


@dataclass(frozen=True)
class TemperatureScaling:
    """sigmoid(logit(p) / temperature).

    Attributes:
        temperature (float): Above 1 for overconfident scores, below 1 for
            underconfident ones.
    """

    temperature: float
    name: ClassVar[str] = 'temperature'

    @classmethod
    def fit(cls, labels: np.ndarray, scores: np.ndarray) -> 'TemperatureScaling':
        """Fit by minimizing the log loss.

        Args:
            labels (np.ndarray): 0 negative, 1 positive, shape (n, ).
            scores (np.ndarray): Probabilities, shape (n, ).

        Returns:
            TemperatureScaling: With a temperature from 0.001 to 1,000; an end of this
                range if samples are separable or scores carry no information.

        Raises:
            ValueError: If a class has no sample, or a score is not a probability.
        """
        positive, scores = _probabilities(labels, scores)
        _refuse_one_class(positive)
        margin = _logits(scores) * np.where(positive, 1, -1)
        found = minimize_scalar(
            lambda log: np.logaddexp(0, -margin * np.exp(-log)).mean(),
            bounds=(np.log(COARSEST), np.log(FINEST)),
            method='bounded',
            options=dict(xatol=1e-9),
        )
        return cls(float(np.exp(found.x)))

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities.

        Args:
            scores (np.ndarray): Probabilities, any shape.
        """
        return expit(_logits(np.asarray(scores, float)) / self.temperature)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters for JSON."""
        return dict(temperature=self.temperature)


@dataclass(frozen=True)
class IsotonicRegression:
    """Piecewise linear map, constant before the first and after the last point.

    Attributes:
        scores (tuple[float]): Scores of the k points, ascending.
        probabilities (tuple[float]): Probabilities of the points, nondecreasing.
    """

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]
    name: ClassVar[str] = 'isotonic'

    @classmethod
    def fit(cls, labels: np.ndarray, scores: np.ndarray) -> 'IsotonicRegression':
        """Fit by least squares; samples with equal scores are merged.

        Args:
            labels, scores (np.ndarray): As in :meth:`TemperatureScaling.fit`.

        Returns:
            IsotonicRegression: With the ends of each constant stretch as points.

        Raises:
            ValueError: As in :meth:`TemperatureScaling.fit`.
        """
        positive, scores = _probabilities(labels, scores)
        _refuse_one_class(positive)
        levels, index = np.unique(scores, return_inverse=True)
        counts = np.bincount(index.reshape(-1))
        shares = np.bincount(index.reshape(-1), positive) / counts
        fitted = pool_adjacent_violators(shares, counts)
        same = fitted[1:] == fitted[:-1]
        ends = ~(np.r_[False, same] & np.r_[same, False])  # not within a stretch
        return cls(tuple(levels[ends].tolist()), tuple(fitted[ends].tolist()))

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities.

        Args:
            scores (np.ndarray): Probabilities, any shape.
        """
        return np.interp(scores, self.scores, self.probabilities)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters for JSON."""
        return dict(scores=list(self.scores), probabilities=list(self.probabilities))


CALIBRATORS = {each.name: each for each in (TemperatureScaling, IsotonicRegression)}


def _logits(scores: np.ndarray) -> np.ndarray:
    return logit(np.clip(scores, TINY, 1 - TINY))


def _refuse_one_class(positive: np.ndarray) -> None:
    if positive.all() or not positive.any():
        raise ValueError(
            f'{int(positive.sum())} positive and {int((~positive).sum())} negative '
            'samples; calibration needs both'
        )


@dataclass(frozen=True)
class ReliabilityBins:
    """Probabilities in bins of equal width, without empty bins.

    Attributes:
        low, high (np.ndarray): Edges, shape (k, ).
        counts (np.ndarray): Numbers of samples, shape (k, ).
        mean_score (np.ndarray): Mean probability of the samples, shape (k, ).
        positive_share (np.ndarray): Share of positives, shape (k, ).
    """

    low: np.ndarray
    high: np.ndarray
    counts: np.ndarray
    mean_score: np.ndarray
    positive_share: np.ndarray


def bin_of(scores: np.ndarray, n_bins: int) -> np.ndarray:
    """Return the bin of each probability: [k / n, (k + 1) / n), 1 in the last.

    Args:
        scores (np.ndarray): Probabilities, shape (n, ).
        n_bins (int): Number of bins.
    """
    return np.minimum((np.asarray(scores) * n_bins).astype(int), n_bins - 1)


def reliability_bins(
    labels: np.ndarray, scores: np.ndarray, n_bins: int = 10
) -> ReliabilityBins:
    """The points of a reliability diagram.

    Args:
        labels, scores (np.ndarray): As in :meth:`TemperatureScaling.fit`.
        n_bins (int): Defaults to 10.

    Returns:
        ReliabilityBins: The non-empty bins.

    Raises:
        ValueError: If a score is not a probability.
    """
    positive, scores = _probabilities(labels, scores)
    inside = bin_of(scores, n_bins)
    counts = np.bincount(inside, minlength=n_bins)
    there = np.flatnonzero(counts)
    return ReliabilityBins(
        there / n_bins,
        (there + 1) / n_bins,
        counts[there],
        np.bincount(inside, scores, n_bins)[there] / counts[there],
        np.bincount(inside, positive, n_bins)[there] / counts[there],
    )


def brier_score(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean squared difference between probability and label (Brier, 1950).

    Args:
        labels, scores (np.ndarray): As in :meth:`TemperatureScaling.fit`.

    Returns:
        float: In [0, 1], 0 is best; NaN without samples.
    """
    positive, scores = _probabilities(labels, scores)
    return float(np.mean((scores - positive) ** 2)) if len(scores) else float('nan')


def expected_calibration_error(
    labels: np.ndarray, scores: np.ndarray, n_bins: int = 10
) -> float:
    """Return the mean over samples of the calibration error of their bins.

    The error of a bin is the absolute difference between its share of positives and
    its mean probability (Guo et al., section 2, for the positive class).

    Args:
        labels, scores, n_bins: As in :func:`reliability_bins`.

    Returns:
        float: In [0, 1], 0 is best; NaN without samples.
    """
    bins = reliability_bins(labels, scores, n_bins)
    return _expected_error(bins.counts, bins.mean_score, bins.positive_share)


def _expected_error(
    counts: np.ndarray, mean_score: np.ndarray, positive_share: np.ndarray
) -> float:
    total = counts.sum()
    if not total:
        return float('nan')
    return float(counts @ np.abs(positive_share - mean_score) / total)


def calibration_summary(
    labels: np.ndarray,
    scores: np.ndarray,
    patients: Sequence[Hashable],
    n_bootstrap: int = 1000,
    seed: int = 0,
    n_bins: int = 10,
) -> dict | None:
    """Brier score and expected calibration error, with intervals over patients.

    Args:
        labels, scores (np.ndarray): As in :meth:`TemperatureScaling.fit`.
        patients (Sequence[Hashable]): Patient of each sample, n entries.
        n_bootstrap (int): Number of bootstrap draws; 0 gives no intervals. Defaults
            to 1000.
        seed (int): Seed of the bootstrap. Defaults to 0.
        n_bins (int): Defaults to 10.

    Returns:
        dict or None: Ready for JSON: ``brier`` and ``ece``, each a dict of ``value``,
        ``low`` and ``high``, and ``reliability``, columns of :class:`ReliabilityBins`.
        ``None`` if scores are not probabilities, or there are none.
    """
    positive, scores = checked_scores(labels, scores)
    if not len(scores) or not are_probabilities(scores):
        return None
    bins = reliability_bins(positive, scores, n_bins)
    inside = bin_of(scores, n_bins)
    errors = (scores - positive) ** 2
    draws = []
    for weights in patient_weights(len(scores), patients, n_bootstrap, seed):
        counts = np.bincount(inside, weights, n_bins)
        full = counts > 0
        sums = [
            np.bincount(inside, weights * column, n_bins)[full] / counts[full]
            for column in (scores, positive)
        ]
        draws.append(
            (weights @ errors / weights.sum(), _expected_error(counts[full], *sums))
        )
    table = np.reshape(draws, (-1, 2)).astype(float)
    if no_interval(patients, 'a sample'):
        table[:] = np.nan
    low, high = percentile_interval(table)
    values = (
        errors.mean(),
        _expected_error(bins.counts, bins.mean_score, bins.positive_share),
    )
    return dict(
        n_bins=n_bins,
        **{
            name: dict(zip(('value', 'low', 'high'), map(json_number, figures)))
            for name, figures in zip(('brier', 'ece'), zip(values, low, high))
        },
        reliability={key: to_json(column) for key, column in vars(bins).items()},
    )
