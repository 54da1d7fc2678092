"""Resampling units of a metric's bootstrap."""

from collections.abc import Hashable, Sequence

from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger


def resampling_units(
    metric: BaseMetric, patients: Sequence[Hashable], what: str = 'images'
) -> tuple[Sequence[Hashable], str]:
    """Return the patients, or with a warning separate numbers if some are unknown.

    Args:
        metric (BaseMetric): The metric, for the warning.
        patients (Sequence[Hashable]): Patient of each image, ``None`` for unknown.
        what (str): Noun for the units resampled instead. Defaults to 'images'.

    Returns:
        tuple: The units to resample, and a noun for them, for the summary.
    """
    unknown = sum(patient is None for patient in patients)
    if not unknown:
        return patients, 'patients'
    MMLogger.get_current_instance().warning(
        "%s resamples %s, not patients: %d of %d have no 'patient_id'; add it to the "
        "meta_keys of the pipeline's last step. The confidence intervals are too "
        'narrow.',
        type(metric).__name__,
        what,
        unknown,
        len(patients),
    )
    return range(len(patients)), f'{what} (no patient_id)'


def numbered(names: Sequence[Hashable]) -> list[int | None]:
    """Return numbers in place of names, equal for equal names; keep ``None``.

    A shared file then shows which samples belong together, without identities.

    Args:
        names (Sequence[Hashable]): Names of patients or exams.
    """
    numbers = {name: i for i, name in enumerate(sorted(set(map(str, names))))}
    return [None if name is None else numbers[str(name)] for name in names]
