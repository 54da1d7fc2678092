"""Exam, View, Lesion, the COCO-exam JSON and patient-level splits; no torch."""
from .birads import (BIRADS_DISTANCES, BIRADS_SCALE, birads_to_score,
                     score_to_birads)
from .coco_exam import (AnnotationError, exams_from_coco, load_coco,
                        load_coco_exam, refuse_faults, synthetic_images,
                        validate_coco_exam)
from .detections import Detections, read_detections, write_detections
from .exam import (BIRADS, DENSITIES, EXAM_VIEWS, LATERALITIES, MODALITIES,
                   PARTNERS, PATHOLOGIES, ROLES, VIEWS, Exam, Lesion, View,
                   other_laterality, other_view, with_modality)
from .image_roots import ImageRoots
from .lesion_bank import BankLesion, LesionBank, LesionBankError, generation_of
from .masks import mask_to_segmentation, segmentation_to_mask
from .segmentation import (OutlineFault, outline_fault, same_outline,
                           segmentation_extent, segmentation_fault)
from .splits import (empty_parts, filling_ratios, in_fold, is_fold, kfold_patients,
                     names_of_fold, split_patients)

__all__ = [
    'BIRADS', 'BIRADS_DISTANCES', 'BIRADS_SCALE', 'DENSITIES', 'EXAM_VIEWS',
    'LATERALITIES', 'MODALITIES', 'PARTNERS', 'PATHOLOGIES', 'ROLES', 'VIEWS',
    'AnnotationError', 'BankLesion', 'Detections', 'Exam', 'ImageRoots', 'Lesion',
    'LesionBank', 'LesionBankError', 'OutlineFault', 'View', 'birads_to_score',
    'empty_parts', 'exams_from_coco', 'filling_ratios', 'generation_of', 'in_fold',
    'is_fold', 'kfold_patients', 'load_coco', 'load_coco_exam', 'mask_to_segmentation',
    'names_of_fold', 'other_laterality', 'other_view', 'outline_fault', 'read_detections',
    'refuse_faults', 'same_outline', 'score_to_birads',
    'segmentation_extent', 'segmentation_fault', 'segmentation_to_mask', 'split_patients',
    'synthetic_images', 'validate_coco_exam', 'with_modality', 'write_detections'
]
