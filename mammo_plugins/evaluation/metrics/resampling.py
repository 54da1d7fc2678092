"""What the bootstrap of a metric resamples."""

from collections.abc import Hashable, Sequence

from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger


def resampling_units(
    metric: BaseMetric, patients: Sequence[Hashable], what: str = 'images'
) -> tuple[Sequence[Hashable], str]:
    """Return the patients, or with a warning a number each if some are not known.

    Args:
        metric (BaseMetric): Who asks.
        patients (Sequence[Hashable]): Of each image, ``None`` for unknown.
        what (str): What is resampled instead. Defaults to 'images'.

    Returns:
        tuple: The units to resample and what they are, for the summary.
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
    """Return a number for each name, the same for the same; ``None`` of ``None``.

    A file that others get tells so who belongs together, and not who it is.

    Args:
        names (Sequence[Hashable]): Of patients or exams.
    """
    numbers = {name: i for i, name in enumerate(sorted(set(map(str, names))))}
    return [None if name is None else numbers[str(name)] for name in names]
