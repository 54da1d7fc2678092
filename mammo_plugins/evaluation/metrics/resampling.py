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
