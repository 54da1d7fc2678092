"""Checks of a data set in the COCO-exam format.

Findings name images and annotations by their ids in the JSON, never a patient, an
exam or a file, so that a report may be shown to others.
"""
from .entries import (ERROR, SPLITS, WARNING, Finding, Part, check_exams,
                      check_geometry, check_lesion_ids, check_splits, read_part)
from .files import check_files, check_images, make_tasks
from .labels import check_labels
from .training import load_sound_exams

__all__ = [
    'ERROR', 'SPLITS', 'WARNING', 'Finding', 'Part', 'check_exams', 'check_files',
    'check_geometry', 'check_images', 'check_labels', 'check_lesion_ids',
    'check_splits', 'load_sound_exams', 'make_tasks', 'read_part'
]
