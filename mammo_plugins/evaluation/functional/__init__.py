"""Evaluation on arrays: no torch, no registry."""
from .bootstrap import (bootstrap_means, means_summary, no_interval, patient_weights,
                        percentile_interval)
from .froc import (FALSE_POSITIVE, NEITHER, FROCCurve, FROCData, ImageMatches,
                   bootstrap_froc, froc_curve, match_detections,
                   operating_index, recall_at_fppi)
from .froc_report import (format_table, froc_summary, read_froc,
                          rule_sentence)
from .localization import (CAM_RULES, CAM_SWEEP, CAM_THRESHOLD, FIGURES,
                           TIOR_THRESHOLDS, TIOU_THRESHOLDS, Overlap, binarise,
                           box_mask, check_cam_rule, image_figures,
                           localization_accuracy, localization_summary, max_hit,
                           region_overlap)
from .overlap import box_iou, encode_masks, mask_iou
from .patch_labels import (MALIGNANT, NOT_MALIGNANT, UNKNOWN, PatchLabels,
                           label_detections, lesion_labels, select_detections)
from .probabilistic_f1 import (BREAST_SCORES, best_f1_threshold, merge_breasts,
                               probabilistic_f1, probabilistic_f1_summary)
from .reconstruction import (RECONSTRUCTION_FIGURES, ReconstructionErrors,
                             reconstruction_errors, similarity)
from .roc import (ROCCurve, best_macro_f1_threshold, bootstrap_auc,
                  bootstrap_macro_f1, check_operating_points, confusion,
                  operating_threshold, roc_auc, roc_curve, roc_summary)

__all__ = [
    'BREAST_SCORES', 'CAM_RULES', 'CAM_SWEEP', 'CAM_THRESHOLD', 'FALSE_POSITIVE',
    'FIGURES', 'MALIGNANT', 'NEITHER', 'NOT_MALIGNANT', 'RECONSTRUCTION_FIGURES',
    'TIOR_THRESHOLDS', 'TIOU_THRESHOLDS', 'UNKNOWN', 'FROCCurve', 'FROCData',
    'ImageMatches', 'Overlap', 'PatchLabels', 'ROCCurve', 'ReconstructionErrors',
    'best_f1_threshold', 'best_macro_f1_threshold', 'binarise', 'bootstrap_auc', 'bootstrap_froc',
    'bootstrap_macro_f1', 'bootstrap_means', 'box_iou', 'box_mask', 'check_cam_rule',
    'check_operating_points', 'confusion', 'encode_masks', 'format_table',
    'froc_curve', 'froc_summary', 'image_figures', 'label_detections',
    'lesion_labels', 'localization_accuracy', 'localization_summary', 'mask_iou',
    'match_detections', 'max_hit', 'means_summary', 'merge_breasts', 'no_interval',
    'operating_index', 'operating_threshold', 'patient_weights',
    'percentile_interval', 'probabilistic_f1', 'probabilistic_f1_summary',
    'read_froc', 'recall_at_fppi', 'reconstruction_errors', 'region_overlap',
    'roc_auc', 'roc_curve', 'roc_summary', 'rule_sentence', 'select_detections',
    'similarity'
]
