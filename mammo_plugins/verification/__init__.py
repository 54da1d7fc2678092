"""Checks of a data set in the COCO-exam format.

Findings name images and annotations by their ids in the JSON, never a patient, an
exam or a file, so that a report may be shown to others.
"""

from .report import format_report, root_of, verify
from .targets import find_annotations
from .training import load_sound_exams

__all__ = ['find_annotations', 'format_report', 'load_sound_exams', 'root_of', 'verify']
