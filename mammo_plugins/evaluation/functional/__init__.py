"""Evaluation on arrays: no torch, no registry."""
from .froc import (FALSE_POSITIVE, NEITHER, FROCCurve, FROCData, ImageMatches,
                   bootstrap_froc, froc_curve, match_detections,
                   operating_index, percentile_interval, recall_at_fppi)
from .froc_report import (format_table, froc_summary, read_froc,
                          rule_sentence)
from .overlap import box_iou, encode_masks, mask_iou
from .patch_labels import (MALIGNANT, NOT_MALIGNANT, UNKNOWN, PatchLabels,
                           label_detections, lesion_labels, select_detections)
from .roc import (ROCCurve, bootstrap_auc, bootstrap_macro_f1,
                  check_operating_points, confusion, operating_threshold, roc_auc,
                  roc_curve, roc_summary)

__all__ = [
    'FALSE_POSITIVE', 'MALIGNANT', 'NEITHER', 'NOT_MALIGNANT', 'UNKNOWN',
    'FROCCurve', 'FROCData', 'ImageMatches', 'PatchLabels', 'ROCCurve',
    'bootstrap_auc', 'bootstrap_froc', 'bootstrap_macro_f1', 'box_iou',
    'check_operating_points', 'confusion', 'encode_masks', 'format_table',
    'froc_curve', 'froc_summary',
    'label_detections', 'lesion_labels', 'mask_iou', 'match_detections',
    'operating_index', 'operating_threshold', 'percentile_interval', 'read_froc',
    'recall_at_fppi', 'roc_auc', 'roc_curve', 'roc_summary', 'rule_sentence',
    'select_detections'
]
