"""Bootstrap over patients, shared by the evaluations.

Images of one patient are not independent of each other, so whole patients are drawn.
"""
from typing import Hashable, Iterator, Sequence, Tuple

import numpy as np


def patient_weights(n_samples: int, patients: Sequence[Hashable], n_draws: int,
                    seed: int) -> Iterator[np.ndarray]:
    """Draw patients with replacement, each with all samples.

    Every draw takes as many patients as there are. A draw is
    ``rng.integers(p, size=p)`` of one generator for all draws, patients sorted.

    Args:
        n_samples (int): Number of samples n.
        patients (Sequence[Hashable]): Whose each sample is, n entries.
        n_draws (int): Number of draws.
        seed (int): Seed of numpy's default generator.

    Yields:
        np.ndarray: How often each sample is in the draw, int64, shape (n, ).

    Raises:
        ValueError: If there is not one patient a sample.
    """
    if len(patients) != n_samples:
        raise ValueError(f'{len(patients)} patients for {n_samples} samples; '
                         'expected one entry a sample')
    patient_of = np.unique([str(p) for p in patients],
                           return_inverse=True)[1].reshape(-1)
    n_patients = patient_of.max(initial=-1) + 1
    rng = np.random.default_rng(seed)
    for _ in range(n_draws):
        drawn = rng.integers(max(n_patients, 1), size=n_patients)
        yield np.bincount(drawn, minlength=n_patients)[patient_of]


def percentile_interval(draws: np.ndarray,
                        level: float = 0.95) -> Tuple[np.ndarray, np.ndarray]:
    """Percentile interval of bootstrap draws.

    Args:
        draws (np.ndarray): Figures of each draw, shape (n_draws, v). Rows with a
            NaN (such as recall of a draw without lesions) are left out.
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
