"""Bootstrap over patients, shared by the evaluations.

Images of one patient are not independent, so whole patients are drawn.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import compress

import numpy as np


def patient_weights(
    n_samples: int, patients: Sequence[Hashable], n_draws: int, seed: int
) -> Iterator[np.ndarray]:
    """Draw patients with replacement, each with all samples.

    Every draw contains as many patients as there are. A draw is
    ``rng.integers(p, size=p)`` of one generator for all draws, patients sorted.

    Args:
        n_samples (int): Number of samples n.
        patients (Sequence[Hashable]): Patient of each sample, n entries.
        n_draws (int): Number of draws.
        seed (int): Seed of numpy's default generator.

    Yields:
        np.ndarray: Number of times each sample is in the draw, int64, shape (n, ).

    Raises:
        ValueError: If there is not one patient per sample.
    """
    if len(patients) != n_samples:
        raise ValueError(
            f'{len(patients)} patients for {n_samples} samples; '
            'expected one entry a sample'
        )
    patient_of = np.unique([str(p) for p in patients], return_inverse=True)[1].reshape(
        -1
    )
    n_patients = patient_of.max(initial=-1) + 1
    rng = np.random.default_rng(seed)
    for _ in range(n_draws):
        drawn = rng.integers(max(n_patients, 1), size=n_patients)
        yield np.bincount(drawn, minlength=n_patients)[patient_of]


def percentile_interval(
    draws: np.ndarray, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of bootstrap draws.

    Args:
        draws (np.ndarray): Figures of each draw, shape (n_draws, v). Rows with a NaN
            (such as recall of a draw without lesions) are ignored.
        level (float): Coverage. Defaults to 0.95: percentiles 2.5 and 97.5.

    Returns:
        tuple[np.ndarray, np.ndarray]: Lower and upper end, each of shape
        (v,); NaN if no draw is left.
    """
    draws = draws[~np.isnan(draws).any(axis=1)]
    if not len(draws):
        nan = np.full(draws.shape[1], np.nan)
        return nan, nan
    tail = (1 - level) / 2
    return tuple(np.quantile(draws, [tail, 1 - tail], axis=0))


def no_interval(units: Sequence[Hashable], what: str, unit: str = 'patients') -> str:
    """Return why there is no interval over units, '' if there can be one.

    With a single unit all draws are (nearly) the same, and their percentiles would
    suggest certainty.

    Args:
        units (Sequence[Hashable]): Units that the figure is based on; may contain
            duplicates.
        what (str): Property of these units, such as 'a lesion'.
        unit (str): Noun for the units. Defaults to 'patients'.
    """
    number = len({str(name) for name in units})
    if number >= 2:
        return ''
    return (
        f'{"only 1" if number else "none"} of the {unit} has {what}, an interval '
        'needs two'
    )


def bootstrap_means(
    figures: np.ndarray,
    patients: Sequence[Hashable],
    n_draws: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Mean figures in samples of patients drawn with replacement.

    Args:
        figures (np.ndarray): Shape (n, k); NaN if a sample lacks a figure. It then does
            not count in that column.
        patients (Sequence[Hashable]): Patient of each sample, n entries.
        n_draws (int): Number of draws. Defaults to 1000.
        seed (int): Seed of numpy's default generator. Defaults to 0.

    Returns:
        np.ndarray: Shape (n_draws, k); NaN if no sample counts.

    Raises:
        ValueError: If there is not one patient per sample.
    """
    there = ~np.isnan(figures)
    values = np.where(there, figures, 0.0)
    draws = np.full((n_draws, figures.shape[1]), np.nan)
    for draw, weights in enumerate(
        patient_weights(len(figures), patients, n_draws, seed)
    ):
        counts = weights @ there
        np.divide(weights @ values, counts, out=draws[draw], where=counts > 0)
    return draws


def means_summary(
    figures: np.ndarray,
    names: Sequence[str],
    patients: Sequence[Hashable],
    n_bootstrap: int = 1000,
    seed: int = 0,
    resampling_unit: str = 'patients',
) -> dict:
    """Means of per-sample figures, with intervals.

    Args:
        figures (np.ndarray): As in :func:`bootstrap_means`.
        names (Sequence[str]): Names of the k columns.
        patients (Sequence[Hashable]): Patient of each sample, n entries.
        n_bootstrap (int): Number of bootstrap draws; 0 gives no intervals. Defaults
            to 1000.
        seed (int): Seed of the bootstrap. Defaults to 0.
        resampling_unit (str): Noun for the entries of ``patients``. Defaults to
            'patients'.

    Returns:
        dict: Ready for JSON; undefined values are None. ``figures`` contains ``value``,
            ``low`` and ``high`` (95% interval) for each name, ``draws`` each figure in
            each bootstrap draw, and ``no_interval`` why a name has no interval
            (:func:`no_interval`).
    """
    means = np.full(len(names), np.nan)
    counts = (~np.isnan(figures)).sum(axis=0)
    np.divide(np.nansum(figures, axis=0), counts, out=means, where=counts > 0)
    draws = bootstrap_means(figures, patients, n_bootstrap, seed)
    reasons = {}
    for k, name in enumerate(names):
        counted = list(compress(patients, ~np.isnan(figures[:, k])))
        reason = no_interval(counted, 'a value', resampling_unit)
        if reason:
            reasons[name] = reason
            draws[:, k] = np.nan
    # one by one: a draw that lacks one figure may have the others
    ends = [percentile_interval(draws[:, [k]]) for k in range(len(names))]
    columns = [(mean, low[0], high[0]) for mean, (low, high) in zip(means, ends)]
    return dict(
        n_bootstrap=int(n_bootstrap),
        seed=int(seed),
        resampling_unit=resampling_unit,
        figures={
            name: dict(zip(('value', 'low', 'high'), to_json(column)))
            for name, column in zip(names, columns)
        },
        no_interval=reasons,
        draws={name: to_json(draws[:, k].round(6)) for k, name in enumerate(names)},
    )


def json_number(value: float) -> float | None:
    """Return a number, ``None`` if JSON cannot represent it."""
    return float(value) if np.isfinite(value) else None


def to_json(values: Iterable[float]) -> list[float | None]:
    """Return a list of numbers, each converted by :func:`json_number`."""
    return [json_number(value) for value in values]
