"""Comparison of systems over several seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .bootstrap import percentile_interval


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95% confidence interval.

    Attributes:
        value (np.ndarray): Shape (v, ).
        low, high (np.ndarray): Ends of the interval, shape (v, ).
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def mean_over_seeds(
    values: Sequence[np.ndarray], draws: Sequence[np.ndarray]
) -> Estimate:
    """Average a figure over seeds, with an interval over patients.

    Each seed has its own test patients, so draw k of the mean is the mean of the seeds'
    draws k. The interval is over patients; it includes the spread between trainings
    only to the extent that it appears among these few seeds.

    Args:
        values (Sequence[np.ndarray]): Values for each seed, shape (v, ).
        draws (Sequence[np.ndarray]): Bootstrap draws for each seed, (n_draws, v).
    """
    low, high = percentile_interval(np.mean(draws, axis=0))
    return Estimate(np.mean(values, axis=0), low, high)


def paired_difference(
    values: Sequence[np.ndarray],
    draws: Sequence[np.ndarray],
    reference_values: Sequence[np.ndarray],
    reference_draws: Sequence[np.ndarray],
) -> Estimate:
    """Average the difference from a reference system, paired by patient.

    Args:
        values, draws: As in :func:`mean_over_seeds`.
        reference_values, reference_draws: Those of the reference, tested on the same
            patients and drawn with the same seed, so draw k has the same patients for
            both.

    Raises:
        ValueError: If the draws cannot be from the same patients.
    """
    if np.shape(draws) != np.shape(reference_draws):
        raise ValueError(
            f'draws of shapes {np.shape(draws)} and {np.shape(reference_draws)}; '
            'both systems must be evaluated with the same number of draws and '
            'seeds'
        )
    return mean_over_seeds(
        list(np.subtract(values, reference_values)),
        list(np.subtract(draws, reference_draws)),
    )


def read_draws(summary: dict, figures: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Extract figures and their draws from a summary.

    Args:
        summary (dict): Result of :func:`froc_summary` ('recall@0.5', ... by FPPI), of
            :func:`roc_summary` ('auc', 'macro_f1' at the first given threshold, and
            'macro_f1@chosen' at one chosen on another part; 'pf1' and 'f1_best' if
            ``ROCMetric`` added them) or of :func:`means_summary` (by its names).
        figures (Sequence[str]): Names of v figures.

    Returns:
        tuple[np.ndarray, np.ndarray]: Shapes (v, ) and (n_draws, v); NaN for undefined
            values.

    Raises:
        ValueError: If the summary has no such figure.
    """
    known = _figures_of(summary)
    for name in figures:
        if name not in known:
            raise ValueError(f'no figure {name!r}; there are {", ".join(known)}')
    values, draws = zip(*(known[name] for name in figures))
    return np.array(values, float), np.array(draws, float).T


def figure_names(summary: dict) -> list[str]:
    """Return the figures that :func:`read_draws` finds in a summary.

    Args:
        summary (dict): As in :func:`read_draws`.
    """
    return list(_figures_of(summary))


def _figures_of(summary: dict) -> dict[str, tuple]:
    """Return value and draws of each figure of a summary."""
    if 'figures' in summary:
        return {
            name: (figure['value'], summary['draws'][name])
            for name, figure in summary['figures'].items()
        }
    if 'auc' in summary:
        points = {point['rule']: point for point in summary['operating_points']}
        point = points['threshold']
        chosen = {}
        if 'chosen' in points:
            chosen['macro_f1@chosen'] = (
                points['chosen']['macro_f1'],
                points['chosen']['macro_f1_draws'],
            )
        by_breast = summary.get('probabilistic_f1') or {}
        return dict(
            auc=(summary['auc'], summary['draws']),
            macro_f1=(point['macro_f1'], point['macro_f1_draws']),
            **chosen,
            **{
                name: (by_breast[name]['value'], by_breast[name]['draws'])
                for name in ('pf1', 'f1_best')
                if name in by_breast
            },
        )
    return {
        f'recall@{point["fppi"]}': (point['recall'], draws)
        for point, draws in zip(summary['operating_points'], zip(*summary['draws']))
    }


def format_estimate(
    estimate: Estimate, index: int, signed: bool = False, digits: int = 2
) -> str:
    """Format a figure as ``0.75 [0.61, 0.86]``, or ``0.75 (no CI)``.

    Args:
        estimate (Estimate): The figures.
        index (int): Index of the figure.
        signed (bool): Whether to write a plus sign, for differences.
        digits (int): Digits after the decimal point. Defaults to 2.
    """

    def text(number: float) -> str:
        written = f'{number:{"+" if signed else ""}.{digits}f}'
        return written if float(written) else written.lstrip('+-')

    if np.isnan(estimate.low[index]):
        return f'{text(estimate.value[index])} (no CI)'
    return (
        f'{text(estimate.value[index])} [{text(estimate.low[index])}, '
        f'{text(estimate.high[index])}]'
    )
