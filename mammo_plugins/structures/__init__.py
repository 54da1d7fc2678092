"""Exam, View, Lesion, the COCO-exam JSON and patient-level splits; no torch."""
from .coco_exam import (AnnotationError, exams_from_coco, load_coco_exam,
                        validate_coco_exam)
from .exam import (BIRADS, DENSITIES, LATERALITIES, MODALITIES, PATHOLOGIES,
                   VIEWS, Exam, Lesion, View)
from .splits import kfold_patients, split_patients

__all__ = [
    'BIRADS', 'DENSITIES', 'LATERALITIES', 'MODALITIES', 'PATHOLOGIES', 'VIEWS',
    'AnnotationError', 'Exam', 'Lesion', 'View', 'exams_from_coco',
    'kfold_patients', 'load_coco_exam', 'split_patients', 'validate_coco_exam'
]
