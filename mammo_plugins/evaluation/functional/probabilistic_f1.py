"""Probabilistic F1 (pF1) by breast, the metric of the RSNA competition of 2022.

Each breast counts with its predicted probability p: pTP is the sum of
p over the positive breasts, pFP that over the negative ones, pPrecision = pTP / (pTP +
pFP), pRecall = pTP / number of positives, and pF1 their harmonic mean, which is 2 pTP /
(pTP + pFP + positives). With probabilities of 0 and 1 it is the ordinary F1. A breast
has one probability, computed from those of its images, and is positive if one of them
is.

Sources: R. Yacouby, D. Axman, Eval4NLP 2020, section 4; the evaluation page of RSNA
Screening Mammography Breast Cancer Detection (Kaggle 2022), where each prediction is
for one breast of a patient, and is clipped to [0, 1].
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from .bootstrap import (
    json_number,
    no_interval,
    patient_weights,
    percentile_interval,
    to_json,
)
from .roc import are_probabilities, checked_scores

BREAST_SCORES: dict[str, Callable[[np.ndarray], float]] = dict(mean=np.mean, max=np.max)


def merge_breasts(
    labels: np.ndarray,
    scores: np.ndarray,
    breasts: Sequence[Hashable],
    rule: str = 'mean',
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merge the samples of each breast into one.

    Args:
        labels, scores (np.ndarray): As in :func:`roc_curve`, shape (n, ).
        breasts (Sequence[Hashable]): Breast of each sample, n entries.
        rule (str): 'mean' or 'max' of the scores of a breast. Defaults to 'mean'.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: Labels, bool, true if one of the
            breast's samples is positive; scores; and the index of the breast's first
            sample; each of shape (b, ), in order of first occurrence.

    Raises:
        ValueError: If there is not one breast per sample, or the rule is unknown.
    """
    positive, scores = checked_scores(labels, scores)
    if len(breasts) != len(scores):
        raise ValueError(
            f'{len(breasts)} breasts for {len(scores)} samples; expected '
            'one entry a sample'
        )
    if rule not in BREAST_SCORES:
        raise ValueError(
            f'the rule for breasts is {rule!r}; expected one of {tuple(BREAST_SCORES)}'
        )
    members: dict[Hashable, list[int]] = {}
    for i, breast in enumerate(breasts):
        members.setdefault(breast, []).append(i)
    groups = list(members.values())
    return (
        np.array([positive[group].any() for group in groups], bool),
        np.array([BREAST_SCORES[rule](scores[group]) for group in groups], float),
        np.array([group[0] for group in groups], int),
    )


def probabilistic_f1(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Compute the pF1 of breasts.

    Args:
        labels (np.ndarray): 0 negative, 1 positive, shape (n, ).
        probabilities (np.ndarray): In [0, 1], shape (n, ).

    Returns:
        float: In [0, 1]; NaN without positives.

    Raises:
        ValueError: If shapes differ, a label is not 0 or 1, or a probability is not
            in [0, 1].
    """
    positive, probabilities = checked_scores(labels, probabilities)
    if not are_probabilities(probabilities):
        raise ValueError('pF1 needs probabilities; a score is not in [0, 1]')
    return _weighted_pf1(np.ones(len(positive)), positive, probabilities)


def _weighted_pf1(
    weights: np.ndarray, positive: np.ndarray, called: np.ndarray
) -> float:
    """Compute the pF1 with each breast repeated ``weights`` times."""
    positives = weights @ positive
    if not positives:
        return float('nan')
    return float(2 * (weights @ (positive * called)) / (weights @ called + positives))


def best_f1_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the threshold at which scores >= threshold give the highest F1.

    Args:
        labels, scores (np.ndarray): As in :func:`roc_curve`.

    Returns:
        float: One of the scores, the highest if several are best; NaN without
            positives.
    """
    positive, scores = checked_scores(labels, scores)
    if not positive.any():
        return float('nan')
    thresholds = np.unique(scores)[::-1]
    called = np.searchsorted(np.sort(-scores), -thresholds, side='right')
    hits = np.searchsorted(np.sort(-scores[positive]), -thresholds, side='right')
    return float(thresholds[np.argmax(2 * hits / (called + positive.sum()))])


def probabilistic_f1_summary(
    labels: np.ndarray,
    scores: np.ndarray,
    patients: Sequence[Hashable],
    breasts: Sequence[Hashable],
    rule: str = 'mean',
    n_bootstrap: int = 1000,
    seed: int = 0,
    resampling_unit: str = 'patients',
) -> dict:
    """Summarize pF1 by breast, direct and at the best threshold, with intervals.

    Args:
        labels, scores, patients: As in :func:`roc_summary`, n entries.
        breasts, rule: As in :func:`merge_breasts`.
        n_bootstrap (int): Bootstrap draws of patients; 0 gives no interval. Defaults to
            1000.
        seed (int): Seed of the bootstrap. Defaults to 0.
        resampling_unit (str): Noun for the entries of ``patients``. Defaults to
            'patients'.

    Returns:
        dict: Ready for JSON; undefined values are None. ``pf1`` is computed from the
            probabilities (None if scores are not probabilities), and ``f1_best`` from
            breasts called at ``threshold``, which is chosen on these same breasts and
            fixed in all draws. Each is a dict of ``value``, ``low``, ``high`` and
            ``draws``. The other items are ``rule``, ``breasts``, ``positives`` and
            ``no_interval``, which states why there is no interval if fewer than two
            patients have a positive breast.
    """
    positive, merged, first = merge_breasts(labels, scores, breasts, rule)
    owners = [patients[i] for i in first]
    threshold = best_f1_threshold(positive, merged)
    lacking = no_interval(
        [owners[i] for i in np.flatnonzero(positive)],
        'a positive breast',
        resampling_unit,
    )
    undefined = np.full(len(merged), np.nan)
    columns = dict(
        pf1=merged if are_probabilities(merged) else undefined,
        f1_best=(merged >= threshold).astype(float),
    )
    draws = np.array(
        [
            [_weighted_pf1(weights, positive, called) for called in columns.values()]
            for weights in patient_weights(len(merged), owners, n_bootstrap, seed)
        ]
    ).reshape(-1, len(columns))
    if lacking:
        draws[:] = np.nan
    figures = {}
    for k, (name, called) in enumerate(columns.items()):
        low, high = percentile_interval(draws[:, [k]])
        value = _weighted_pf1(np.ones(len(merged)), positive, called)
        figures[name] = dict(
            value=json_number(value),
            low=json_number(low[0]),
            high=json_number(high[0]),
            draws=to_json(draws[:, k].round(6)),
        )
    return dict(
        figures,
        threshold=json_number(threshold),
        rule=rule,
        breasts=len(merged),
        positives=int(positive.sum()),
        no_interval=lacking if n_bootstrap else '',
    )
