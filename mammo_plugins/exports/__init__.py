"""Predictions as tables, DICOM objects and a page for a browser."""

from .coco import coco_results
from .images_root import images_root
from .prediction_file import ExportError, PredictionFile, image_of
from .tables import write_csv

__all__ = [
    'ExportError',
    'PredictionFile',
    'coco_results',
    'image_of',
    'images_root',
    'write_csv',
]
