"""AUCs of several systems on the same samples, and their covariances.

DeLong, DeLong, Clarke-Pearson, Biometrics 44 (1988) 837, for independent samples;
Obuchowski, Biometrics 53 (1997) 567, if patients have several, such as two breasts.
With one sample per patient both are the same.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from .roc import checked_scores, lacking_class


@dataclass(frozen=True)
class AUCDifference:
    """Comparison of two systems, first minus second.

    Attributes:
        aucs (tuple[float, float]): AUCs of both systems.
        value (float): The difference.
        low, high (float): Ends of its 95% confidence interval.
        standard_error (float): Standard error of the difference.
        p_value (float): Two-sided p-value for no difference.
    """

    aucs: tuple[float, float]
    value: float
    low: float
    high: float
    standard_error: float
    p_value: float


def auc_covariance(
    labels: np.ndarray, scores: np.ndarray, patients: Sequence[Hashable]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the AUCs of k systems and their covariances.

    Args:
        labels (np.ndarray): 0 negative, 1 positive, shape (n, ).
        scores (np.ndarray): Scores of each system, shape (k, n).
        patients (Sequence[Hashable]): Patient of each sample, n entries.

    Returns:
        tuple[np.ndarray, np.ndarray]: Shapes (k, ) and (k, k); covariances are NaN
        unless two patients have a positive and two a negative sample.

    Raises:
        ValueError: If shapes differ, a label is not 0 or 1, or a score is not finite.
    """
    table = np.array([checked_scores(labels, row)[1] for row in scores])
    positive = checked_scores(labels, table[0])[0]
    if len(patients) != len(positive):
        raise ValueError(
            f'{len(patients)} patients for {len(positive)} samples; expected one entry '
            'a sample'
        )
    undefined = np.full((len(table), len(table)), np.nan)
    m, n = int(positive.sum()), int((~positive).sum())
    if not m or not n:
        return undefined[0], undefined
    # probability that a negative is below each positive, and a positive above each
    # negative
    over, under = [], []
    for row in table:
        ranks = rankdata(row)
        over.append((ranks[positive] - rankdata(row[positive])) / n)
        under.append(1 - (ranks[~positive] - rankdata(row[~positive])) / m)
    aucs = np.mean(over, axis=1)
    if lacking_class(positive, patients, 'patients'):
        return aucs, undefined
    owner = np.unique([str(p) for p in patients], return_inverse=True)[1].reshape(-1)
    number = owner.max() + 1

    def by_patient(parts: list[np.ndarray], chosen: np.ndarray) -> np.ndarray:
        """Sum the deviations from the mean over each patient's samples, (k, p)."""
        return np.array(
            [
                np.bincount(owner[chosen], part - auc, number)
                for part, auc in zip(parts, aucs)
            ]
        )

    of_positives = by_patient(over, positive)
    of_negatives = by_patient(under, ~positive)
    with_positive = len(np.unique(owner[positive]))
    with_negative = len(np.unique(owner[~positive]))
    both = of_positives @ of_negatives.T * number / (number - 1)
    covariance = (
        of_positives @ of_positives.T * with_positive / (with_positive - 1) / m**2
        + of_negatives @ of_negatives.T * with_negative / (with_negative - 1) / n**2
        + (both + both.T) / (m * n)
    )
    return aucs, covariance


def auc_difference(
    labels: np.ndarray,
    scores: np.ndarray,
    reference_scores: np.ndarray,
    patients: Sequence[Hashable],
) -> AUCDifference:
    """Test whether two systems have the same AUC, on the same samples.

    Args:
        labels (np.ndarray): 0 negative, 1 positive, shape (n, ).
        scores, reference_scores (np.ndarray): Scores of both systems, shape (n, ).
        patients (Sequence[Hashable]): Patient of each sample, n entries.

    Returns:
        AUCDifference: NaN where :func:`auc_covariance` is NaN; equal scores differ by
            exactly 0, with a p-value of 1.

    Raises:
        ValueError: As in :func:`auc_covariance`.
    """
    aucs, covariance = auc_covariance(
        labels, np.stack([scores, reference_scores]), patients
    )
    contrast = np.array([1.0, -1.0])
    value = float(contrast @ aucs)
    # the difference of equal terms may be below 0 by rounding
    error = float(np.sqrt(np.maximum(contrast @ covariance @ contrast, 0)))
    if error < 1e-12:
        p_value = 1.0 if abs(value) < 1e-12 else 0.0
    else:
        p_value = float(2 * norm.sf(abs(value) / error))
    half = norm.ppf(0.975) * error
    return AUCDifference(
        (float(aucs[0]), float(aucs[1])),
        value,
        value - half,
        value + half,
        error,
        p_value,
    )
