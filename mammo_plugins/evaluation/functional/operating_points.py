"""Figures at one threshold with intervals over patients, overall and by subgroup."""

from collections.abc import Hashable, Sequence

import numpy as np

from .bootstrap import json_number, patient_weights, percentile_interval
from .roc import (
    ROCCurve,
    bootstrap_auc,
    check_operating_points,
    checked_scores,
    lacking_class,
    operating_threshold,
    roc_auc,
    roc_curve,
)

POINT_FIGURES = ('sensitivity', 'specificity', 'recall_rate')
FEW = 10
"""Patients of a class below which a figure is said to rest on few cases: of ten, one
more that is called moves sensitivity by 0.1."""


def bootstrap_point(
    labels: np.ndarray,
    scores: np.ndarray,
    patients: Sequence[Hashable],
    rule: str,
    value: float | None = None,
    n_draws: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Figures at an operating point in samples of patients drawn with replacement.

    A threshold chosen by a rule is chosen again in each draw: the estimate is, for
    example, the sensitivity at that specificity, not at one number. A given threshold
    is fixed.

    Args:
        labels, scores, patients, n_draws, seed: As in :func:`bootstrap_auc`, whose
            draws have the same patients.
        rule, value: As in :func:`operating_threshold`.

    Returns:
        np.ndarray: ``POINT_FIGURES``, shape (n_draws, 3); NaN if undefined.
    """
    positive, scores = checked_scores(labels, scores)
    levels, level = np.unique(-scores, return_inverse=True)
    thresholds = np.r_[np.inf, -levels]
    level = level.reshape(-1)

    def called(weights: np.ndarray) -> np.ndarray:
        counts = np.bincount(level, weights, len(levels))
        total = counts.sum()
        sums = np.r_[0.0, np.cumsum(counts)]
        return sums / total if total else np.full(len(sums), np.nan)

    draws = np.full((n_draws, len(POINT_FIGURES)), np.nan)
    for draw, weights in enumerate(
        patient_weights(len(scores), patients, n_draws, seed)
    ):
        curve = ROCCurve(
            thresholds,
            called(weights * positive),
            1 - called(weights * ~positive),
            called(weights),
        )
        draws[draw] = _at(curve, operating_threshold(curve, rule, value))
    return draws


def _at(curve: ROCCurve, threshold: float) -> tuple[float, ...]:
    """Return ``POINT_FIGURES`` at a threshold."""
    if np.isnan(threshold):
        return (np.nan,) * len(POINT_FIGURES)
    # thresholds descend: use the last one that is not below it
    index = np.searchsorted(-curve.thresholds, -threshold, side='right') - 1
    return tuple(float(getattr(curve, name)[index]) for name in POINT_FIGURES)


def point_summary(
    labels: np.ndarray,
    scores: np.ndarray,
    patients: Sequence[Hashable],
    rule: str,
    value: float | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> dict:
    """Return an operating point with 95% intervals over patients.

    Args:
        labels, scores, patients, rule, value, seed: As in :func:`bootstrap_point`.
        n_bootstrap (int): Number of draws; 0 gives no intervals. Defaults to 1000.

    Returns:
        dict: Ready for JSON, with None for undefined values: ``rule``, ``value``,
        ``threshold``, each of ``POINT_FIGURES`` with its ``_low`` and ``_high``;
        ``samples``, ``positives``, ``patients`` (how many) and ``warning``
        (:func:`few_cases`).

    Raises:
        ValueError: If there is no such rule, or as in :func:`roc_curve`.
    """
    check_operating_points([(rule, value)])
    positive, scores = checked_scores(labels, scores)
    curve = roc_curve(positive, scores)
    threshold = operating_threshold(curve, rule, value)
    draws = bootstrap_point(positive, scores, patients, rule, value, n_bootstrap, seed)
    figures = dict(zip(POINT_FIGURES, _at(curve, threshold)))
    # one by one: a draw without positives still has a specificity
    of_figure = dict(sensitivity=positive, specificity=~positive)
    for k, name in enumerate(POINT_FIGURES):
        counted = of_figure.get(name, np.ones(len(positive), bool))
        if len({str(patients[i]) for i in np.flatnonzero(counted)}) < 2:
            draws[:, k] = np.nan
        low, high = percentile_interval(draws[:, [k]])
        figures[f'{name}_low'], figures[f'{name}_high'] = low[0], high[0]
    return dict(
        rule=rule,
        value=value,
        threshold=json_number(threshold),
        **{name: json_number(figure) for name, figure in figures.items()},
        samples=len(scores),
        positives=int(positive.sum()),
        patients=len({str(p) for p in patients}),
        warning=few_cases(positive, patients),
    )


def format_figure(
    name: str, value: float | None, low: float | None, high: float | None
) -> str:
    """Format a figure as ``sensitivity 0.80 [0.70, 0.90]``, with ``-`` for None.

    Args:
        name (str): Name of the figure; may be ''.
        value, low, high (float, optional): Its value and interval.
    """
    text = '-' if value is None else f'{value:.3f}'
    interval = '' if low is None or high is None else f' [{low:.3f}, {high:.3f}]'
    return f'{name.replace("_", " ")} {text}{interval}'.strip()


def format_point(point: dict) -> str:
    """Format the figures of :func:`point_summary` with their intervals.

    Args:
        point (dict): Contains ``POINT_FIGURES``.
    """
    return ', '.join(
        format_figure(name, *(point[f'{name}{end}'] for end in ('', '_low', '_high')))
        for name in POINT_FIGURES
    )


def few_cases(positive: np.ndarray, patients: Sequence[Hashable]) -> str:
    """Return a warning of few patients, '' if each class has at least ``FEW``.

    Args:
        positive (np.ndarray): Whether each sample is positive, bool, shape (n, ).
        patients (Sequence[Hashable]): Patient of each sample, n entries.
    """
    counts = {
        name: len({str(patients[i]) for i in np.flatnonzero(chosen)})
        for name, chosen in (('positive', positive), ('negative', ~positive))
    }
    few = [f'{count} {name}' for name, count in counts.items() if count < FEW]
    return f'few cases: {" and ".join(few)} patients' if few else ''


def subgroup_table(
    labels: np.ndarray,
    scores: np.ndarray,
    patients: Sequence[Hashable],
    groups: Sequence[str | None],
    threshold: float | None = None,
    of_positives: bool = False,
    n_bootstrap: int = 1000,
    seed: int = 0,
    order: Sequence[str] = (),
) -> list[dict]:
    """Return AUC and figures at a threshold for each subgroup.

    Args:
        labels, scores, patients, n_bootstrap, seed: As in :func:`point_summary`.
        groups (Sequence[str | None]): Group of each sample, ``None`` if unknown, n
            entries.
        threshold (float, optional): The threshold. Defaults to ``None``: only AUC.
        of_positives (bool): Whether only positives have groups, such as the size of a
            lesion; each group is compared with all negatives. Defaults to False.
        order (Sequence[str]): Groups to list first, such as ranges of numbers. Defaults
            to none.

    Returns:
        list[dict]: First for all samples, then for each group by name, with unknown
            ones last. Each has ``group`` (``None`` for all), ``auc``, ``auc_low``,
            ``auc_high`` and the items of :func:`point_summary`.
    """
    positive, scores = checked_scores(labels, scores)
    if len(groups) != len(scores):
        raise ValueError(
            f'{len(groups)} groups for {len(scores)} samples; expected one a sample'
        )
    names = ['unknown' if group is None else group for group in groups]
    counted = {
        name for name, chosen in zip(names, positive) if chosen or not of_positives
    }
    places = {name: place for place, name in enumerate(order)}

    def place(name: str) -> tuple:
        return name == 'unknown', places.get(name, len(places)), name

    rows = []
    for group in [None, *sorted(counted, key=place)]:
        inside = np.array([group in (None, name) for name in names], bool)
        if of_positives:
            inside |= ~positive
        chosen = np.flatnonzero(inside)
        data = positive[chosen], scores[chosen], [patients[i] for i in chosen]
        draws = bootstrap_auc(*data, n_bootstrap, seed)
        if lacking_class(data[0], data[2], 'patients'):
            draws[:] = np.nan
        low, high = percentile_interval(draws[:, None])
        rows.append(
            dict(
                group=group,
                auc=json_number(roc_auc(*data[:2])),
                auc_low=json_number(low[0]),
                auc_high=json_number(high[0]),
                **point_summary(
                    *data,
                    'threshold',
                    np.inf if threshold is None else threshold,
                    n_bootstrap=n_bootstrap if threshold is not None else 0,
                    seed=seed,
                ),
            )
        )
        if threshold is None:
            rows[-1].update(value=None, **dict.fromkeys(POINT_FIGURES))
    return rows
