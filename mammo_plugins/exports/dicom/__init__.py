"""Predictions as DICOM objects: reports, presentation states and segmentations.

They are created with highdicom, an optional package (extra ``dicom``).
"""

from .export import DicomExport, need_highdicom

__all__ = ['DicomExport', 'need_highdicom']
