"""Receiver operating characteristic (ROC) of a binary classifier.

At a threshold t a sample is called positive if its score is >= t; samples with equal
scores are called together. The area under the curve (AUC) is the probability that a
positive sample has a higher score than a negative one, with ties counting half. Without
samples of both classes it is NaN, never 0 or 1.

The unit of the bootstrap is the patient: samples of one patient (views, patches) are
not independent. An interval needs two patients with a positive and two with a negative
sample.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from .bootstrap import (
    json_number,
    no_interval,
    patient_weights,
    percentile_interval,
    to_json,
)

FORMAT = 'mammo_plugins.roc/1'
RULES = (
    'threshold',
    'chosen',
    'specificity',
    'sensitivity',
    'recall_rate',
    'youden',
)
OperatingRule = tuple[str, float | None]


@dataclass(frozen=True)
class ROCCurve:
    """One point for each distinct score, and the point where no sample is called.

    Attributes:
        thresholds (np.ndarray): Infinity, then all distinct scores in descending
            order, shape (k, ).
        sensitivity (np.ndarray): Share of the positives that are called, NaN
            without positives, shape (k, ).
        specificity (np.ndarray): Share of the negatives that are not called, NaN
            without negatives, shape (k, ).
        recall_rate (np.ndarray): Share of all samples that are called, NaN without
            samples, shape (k, ).
    """

    thresholds: np.ndarray
    sensitivity: np.ndarray
    specificity: np.ndarray
    recall_rate: np.ndarray


def checked_scores(
    labels: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Check labels and scores.

    Args:
        labels, scores (np.ndarray): As in :func:`roc_curve`.

    Returns:
        tuple[np.ndarray, np.ndarray]: Labels as bool and scores as float, (n, ).

    Raises:
        ValueError: If shapes differ, a label is not 0 or 1, or a score is not
            finite.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise ValueError(
            f'labels and scores have shapes {labels.shape} and '
            f'{scores.shape}; expected (n, ) for both'
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError('labels must be 0 (negative) or 1 (positive)')
    if not np.isfinite(scores).all():
        raise ValueError('a score is NaN or infinite; has the training diverged?')
    return labels.astype(bool), scores


def roc_curve(labels: np.ndarray, scores: np.ndarray) -> ROCCurve:
    """Compute the ROC curve.

    Args:
        labels (np.ndarray): 0 negative, 1 positive, shape (n, ).
        scores (np.ndarray): Higher means positive, shape (n, ).

    Returns:
        ROCCurve: Points by descending threshold.

    Raises:
        ValueError: If shapes differ, a label is not 0 or 1, or a score is not
            finite.
    """
    positive, scores = checked_scores(labels, scores)
    thresholds = np.concatenate(([np.inf], np.unique(scores)[::-1]))

    def share_called(chosen: np.ndarray) -> np.ndarray:
        ascending = np.sort(scores[chosen])
        called = len(ascending) - np.searchsorted(ascending, thresholds)
        return (
            called / len(ascending)
            if len(ascending)
            else np.full(len(thresholds), np.nan)
        )

    return ROCCurve(
        thresholds,
        share_called(positive),
        1 - share_called(~positive),
        share_called(np.ones(len(scores), bool)),
    )


def are_probabilities(scores: np.ndarray) -> bool:
    """Return whether all scores are in [0, 1].

    Args:
        scores (np.ndarray): Any shape.
    """
    return bool(((scores >= 0) & (scores <= 1)).all())


def _weighted_auc(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Compute AUC from the weight of each class at each distinct score, ascending."""
    total = positives.sum() * negatives.sum()
    if not total:
        return float('nan')
    below = np.cumsum(negatives) - negatives / 2
    return float(positives @ below / total)


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Compute the area under the ROC curve.

    Args:
        labels, scores (np.ndarray): As in :func:`roc_curve`.

    Returns:
        float: In [0, 1]; NaN if a class has no sample.
    """
    positive, scores = checked_scores(labels, scores)
    level = np.unique(scores, return_inverse=True)[1].reshape(-1)
    return _weighted_auc(np.bincount(level, positive), np.bincount(level, ~positive))


def bootstrap_auc(
    labels: np.ndarray,
    scores: np.ndarray,
    patients: Sequence[Hashable],
    n_draws: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """AUC in samples of patients drawn with replacement.

    Every draw contains as many patients as there are, each with all samples. A draw is
    ``rng.integers(p, size=p)`` of one generator for all draws, patients sorted.

    Args:
        labels, scores (np.ndarray): As in :func:`roc_curve`.
        patients (Sequence[Hashable]): Patient of each sample, n entries.
        n_draws (int): Number of draws. Defaults to 1000.
        seed (int): Seed of numpy's default generator. Defaults to 0.

    Returns:
        np.ndarray: Shape (n_draws, ); NaN if a draw lacks a class.
    """
    positive, scores = checked_scores(labels, scores)
    level = np.unique(scores, return_inverse=True)[1].reshape(-1)
    n_levels = level.max(initial=-1) + 1
    return np.array(
        [
            _weighted_auc(
                np.bincount(level, weights * positive, n_levels),
                np.bincount(level, weights * ~positive, n_levels),
            )
            for weights in patient_weights(len(scores), patients, n_draws, seed)
        ]
    )


def bootstrap_macro_f1(
    labels: np.ndarray,
    scores: np.ndarray,
    patients: Sequence[Hashable],
    threshold: float,
    n_draws: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Macro F1 at a fixed threshold in samples of patients.

    Args:
        labels, scores, patients, n_draws, seed: As in :func:`bootstrap_auc`, whose
            draws have the same patients.
        threshold (float): As in :func:`confusion`.

    Returns:
        np.ndarray: Shape (n_draws, ).
    """
    positive, scores = checked_scores(labels, scores)
    called = scores >= threshold
    draws = []
    for weights in patient_weights(len(scores), patients, n_draws, seed):
        right = [weights[called & positive].sum(), weights[~called & ~positive].sum()]
        of_class = [weights[positive].sum(), weights[~positive].sum()]
        named = [weights[called].sum(), weights[~called].sum()]
        f1 = [
            2 * hit / (n + m) if n + m else 0.0
            for hit, n, m in zip(right, of_class, named)
        ]
        draws.append(np.mean(f1) if len(scores) else np.nan)
    return np.array(draws)


def confusion(
    labels: np.ndarray, scores: np.ndarray, threshold: float
) -> dict[str, float]:
    """Return the figures of a classifier that calls scores >= ``threshold`` positive.

    Args:
        labels, scores (np.ndarray): As in :func:`roc_curve`.
        threshold (float): May be infinite: no sample is called.

    Returns:
        dict[str, float]: ``sensitivity`` (recall), ``specificity``, ``precision``
        and ``macro_f1``, the mean of both classes' F1. Shares of an empty set are NaN.
        The F1 of a class that neither occurs nor is called is 0, as in scikit-learn,
        and macro F1 without samples is NaN.
    """
    positive, scores = checked_scores(labels, scores)
    called = scores >= threshold
    tp, fp = int((called & positive).sum()), int((called & ~positive).sum())
    fn, tn = int((~called & positive).sum()), int((~called & ~positive).sum())

    def share(count: int, total: int, empty: float = np.nan) -> float:
        return count / total if total else empty

    f1 = [share(2 * hit, 2 * hit + fp + fn, 0.0) for hit in (tp, tn)]
    return dict(
        sensitivity=share(tp, tp + fn),
        specificity=share(tn, tn + fp),
        precision=share(tp, tp + fp),
        macro_f1=float(np.mean(f1)) if len(scores) else float('nan'),
    )


def operating_threshold(
    curve: ROCCurve, rule: str, value: float | None = None
) -> float:
    """Return the threshold of an operating point.

    Args:
        curve (ROCCurve): From :func:`roc_curve`.
        rule (str): 'threshold': the value itself. 'chosen': the same, for a value that
            was chosen on other samples. 'specificity': highest sensitivity with at
            least this specificity. 'sensitivity': highest specificity with at least
            this sensitivity. 'recall_rate': highest sensitivity with at most this share
            of all samples called. 'youden': largest sum of both; the highest threshold
            if several are best.
        value (float, optional): None for 'youden'.

    Returns:
        float: Infinite if no sample is called; NaN if a class has no sample, except for
            'threshold' and 'chosen'.

    Raises:
        ValueError: If the rule is unknown or lacks its value.
    """
    check_operating_points([(rule, value)])
    wanted = float('nan') if value is None else float(value)
    if rule in ('threshold', 'chosen'):
        return wanted
    if np.isnan(curve.sensitivity[0]) or np.isnan(curve.specificity[0]):
        return float('nan')
    if rule == 'specificity':
        allowed = np.flatnonzero(curve.specificity >= wanted - 1e-12)
        index = allowed[np.argmax(curve.sensitivity[allowed])]
    elif rule == 'sensitivity':
        index = np.flatnonzero(curve.sensitivity >= wanted - 1e-12)[0]
    elif rule == 'recall_rate':
        allowed = np.flatnonzero(curve.recall_rate <= wanted + 1e-12)
        index = allowed[np.argmax(curve.sensitivity[allowed])]
    else:
        index = np.argmax(curve.sensitivity + curve.specificity)
    return float(curve.thresholds[index])


def best_macro_f1_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the threshold with the largest macro F1.

    If the positive class is rare, few scores may reach 0.5, so macro F1 at 0.5 may be
    that of calling nothing. Choose the threshold on training or validation samples and
    test on others. If several consecutive thresholds are best, the middle of this range
    (down to the next lower score) is returned; of several such ranges, the highest is
    used. The highest threshold itself would lie at the edge of the scores if training
    samples have been memorized.

    Args:
        labels, scores (np.ndarray): As in :func:`roc_curve`.

    Returns:
        float: NaN if a class has no sample; infinite if calling nothing is best.
    """
    curve = roc_curve(labels, scores)
    if np.isnan(curve.sensitivity[0]) or np.isnan(curve.specificity[0]):
        return float('nan')
    positives = np.count_nonzero(labels)
    negatives = len(labels) - positives
    tp, tn = curve.sensitivity * positives, curve.specificity * negatives
    wrong = positives - tp + negatives - tn
    macro = tp / (2 * tp + wrong) + tn / (2 * tn + wrong)
    best = macro >= macro.max() - 1e-12
    first = int(np.argmax(best))
    end = first + int(np.argmin(np.append(best[first:], False)))
    ends = curve.thresholds[[first, min(end, len(best) - 1)]]
    return float(ends.mean()) if np.isfinite(ends[0]) else float(ends[0])


def check_operating_points(rules: Sequence[OperatingRule]) -> None:
    """Raise a ValueError if :func:`operating_threshold` does not know a rule."""
    for entry in rules:
        if len(entry) != 2 or entry[0] not in RULES:
            raise ValueError(
                f'operating_points: {entry!r}; expected (rule, value) '
                f'with a rule out of {RULES}'
            )
        rule, value = entry
        if rule in ('specificity', 'sensitivity', 'recall_rate') and not (
            value is not None and 0 <= value <= 1
        ):
            raise ValueError(
                f'operating_points: {rule} of {value!r}; expected a value from 0 to 1'
            )
        if rule in ('threshold', 'chosen') and value is None:
            raise ValueError(f'operating_points: {rule!r} needs a value')


def _log_loss(positive: np.ndarray, scores: np.ndarray) -> float:
    """Compute the cross entropy of probabilities; NaN for other or no scores."""
    if not len(scores) or not are_probabilities(scores):
        return float('nan')
    tiny = np.finfo(np.float32).eps
    right = np.clip(np.where(positive, scores, 1 - scores), tiny, 1)
    return float(-np.log(right).mean())


def lacking_class(positive: np.ndarray, patients: Sequence[Hashable], unit: str) -> str:
    """Return which class has too few patients for an interval, '' if none has.

    Args:
        positive (np.ndarray): Whether each sample is positive, bool, shape (n, ).
        patients (Sequence[Hashable]): Patient of each sample, n entries.
        unit (str): Noun for the entries of ``patients``.
    """
    reasons = (
        no_interval(list(compress(patients, chosen)), f'a {name} sample', unit)
        for name, chosen in (('positive', positive), ('negative', ~positive))
    )
    return next(filter(None, reasons), '')


def roc_summary(
    labels: np.ndarray,
    scores: np.ndarray,
    patients: Sequence[Hashable],
    n_bootstrap: int = 1000,
    seed: int = 0,
    operating_points: Sequence[OperatingRule] = (
        ('threshold', 0.5),
        ('specificity', 0.9),
    ),
    resampling_unit: str = 'patients',
) -> dict:
    """Summarize a binary classification.

    Args:
        labels, scores (np.ndarray): As in :func:`roc_curve`.
        patients (Sequence[Hashable]): As in :func:`bootstrap_auc`.
        n_bootstrap (int): Number of bootstrap draws; 0 gives no interval. Defaults
            to 1000.
        seed (int): Seed of the bootstrap. Defaults to 0.
        operating_points (Sequence[tuple]): (rule, value) as in
            :func:`operating_threshold`. They are chosen on these same samples; a
            threshold for use must come from other ones. Defaults to a threshold of 0.5
            and a specificity of 0.9.
        resampling_unit (str): Noun for the entries of ``patients``. Defaults to
            'patients'.

    Returns:
        dict: Ready for JSON; undefined values are None. ``best_macro_f1_threshold`` is
        for use on other samples; ``log_loss`` is the cross entropy, None unless scores
        are in [0, 1]; ``draws`` is the AUC of each bootstrap draw, to be compared draw
        by draw as in :func:`~mammo_plugins.evaluation.functional.froc_summary`. Each
        operating point has similar ``macro_f1_draws``, with a fixed threshold.
        ``no_interval`` states why there is no interval if a class has fewer than two
        patients, otherwise it is ''; the draws are then None.
    """
    check_operating_points(operating_points)
    positive, scores = checked_scores(labels, scores)
    curve = roc_curve(positive, scores)
    draws = bootstrap_auc(positive, scores, patients, n_bootstrap, seed)
    lacking = lacking_class(positive, patients, resampling_unit)
    if lacking:
        draws[:] = np.nan
    low, high = percentile_interval(draws[:, None])
    points: list[dict] = []
    for rule, value in operating_points:
        threshold = operating_threshold(curve, rule, value)
        figures = dict.fromkeys(
            ('sensitivity', 'specificity', 'precision', 'macro_f1'), np.nan
        )
        if not np.isnan(threshold):
            figures = confusion(positive, scores, threshold)
        if lacking:
            f1_draws = draws
        elif np.isnan(threshold):
            f1_draws = np.empty(0)
        else:
            f1_draws = bootstrap_macro_f1(
                positive, scores, patients, threshold, n_bootstrap, seed
            )
        points.append(
            dict(
                rule=rule,
                value=value,
                threshold=json_number(threshold),
                **{name: json_number(figure) for name, figure in figures.items()},
                macro_f1_draws=to_json(np.round(f1_draws, 6)),
            )
        )
    return dict(
        format=FORMAT,
        n_bootstrap=int(n_bootstrap),
        seed=int(seed),
        resampling_unit=resampling_unit,
        no_interval=lacking if n_bootstrap else '',
        counts=dict(
            samples=len(scores),
            positives=int(positive.sum()),
            negatives=int((~positive).sum()),
            resampling_units=len({str(p) for p in patients}),
        ),
        auc=json_number(roc_auc(positive, scores)),
        auc_low=json_number(low[0]),
        auc_high=json_number(high[0]),
        log_loss=json_number(_log_loss(positive, scores)),
        operating_points=points,
        best_macro_f1_threshold=json_number(best_macro_f1_threshold(positive, scores)),
        curve=dict(
            threshold=to_json(curve.thresholds),
            sensitivity=to_json(curve.sensitivity),
            specificity=to_json(curve.specificity),
        ),
        draws=to_json(draws.round(6)),
    )
