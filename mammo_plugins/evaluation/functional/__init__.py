"""Evaluation on arrays: no torch, no registry."""
from .froc import (FALSE_POSITIVE, NEITHER, FROCCurve, FROCData, ImageMatches,
                   bootstrap_froc, froc_curve, match_detections,
                   operating_index, percentile_interval, recall_at_fppi)
from .froc_report import (format_table, froc_summary, read_froc,
                          rule_sentence)
from .overlap import box_iou, encode_masks, mask_iou

__all__ = [
    'FALSE_POSITIVE', 'NEITHER', 'FROCCurve', 'FROCData', 'ImageMatches',
    'bootstrap_froc', 'box_iou', 'encode_masks', 'format_table', 'froc_curve',
    'froc_summary', 'mask_iou', 'match_detections', 'operating_index',
    'percentile_interval', 'read_froc', 'recall_at_fppi', 'rule_sentence'
]
