"""Running a model on an archive: from an index, in parts, on several machines."""

from .merging import merge_parts
from .predicting import Outcome, Pace, outcomes, predict_index
from .ray_launcher import by_ray

__all__ = ['Outcome', 'Pace', 'by_ray', 'merge_parts', 'outcomes', 'predict_index']
