"""Labels of detected patches, from the lesions they overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mammo_plugins.structures.birads import birads_to_score

from .froc import FALSE_POSITIVE, match_detections
from .overlap import box_iou

MALIGNANT, NOT_MALIGNANT, UNKNOWN = 1, 0, -1
_LABEL_OF = {'malignant': MALIGNANT, 'benign': NOT_MALIGNANT, None: UNKNOWN}


@dataclass(frozen=True)
class PatchLabels:
    """The labels of n patches.

    Attributes:
        lesions (np.ndarray): Index of each patch's lesion, or
            ``FALSE_POSITIVE`` (-1) or ``NEITHER`` (-2), int64, shape (n, ).
        ious (np.ndarray): Largest IoU with any lesion, 0 if there is none, shape (n, ).
        malignant (np.ndarray): 1 malignant, 0 not, -1 unknown, int64, (n, ).
        birads_scores (np.ndarray): BI-RADS scores in [0, 1], NaN if unknown, shape (n,
            ).
    """

    lesions: np.ndarray
    ious: np.ndarray
    malignant: np.ndarray
    birads_scores: np.ndarray


def lesion_labels(
    pathologies: Sequence[str | None], birads: Sequence[str | None]
) -> tuple[np.ndarray, np.ndarray]:
    """Convert the annotation of lesions to labels.

    Args:
        pathologies (Sequence[str | None]): 'malignant', 'benign' or ``None``.
        birads (Sequence[str | None]): BI-RADS categories, see
            :func:`~mammo_plugins.structures.birads_to_score`.

    Returns:
        tuple[np.ndarray, np.ndarray]: ``malignant`` and ``birads_scores`` as in
        :class:`PatchLabels`.
    """
    scores = [birads_to_score(category) for category in birads]
    return (
        np.array([_LABEL_OF[name] for name in pathologies], np.int64),
        np.array([np.nan if s is None else s for s in scores], float),
    )


def label_detections(
    boxes: np.ndarray,
    lesion_boxes: np.ndarray,
    pathologies: Sequence[str | None],
    birads: Sequence[str | None],
    ignored_boxes: np.ndarray | None = None,
    iou_thr: float = 0.5,
) -> PatchLabels:
    """Label the detections of one image by the rule of MommiNet-v2, section 3.8.

    A detection whose IoU with a lesion is at least ``iou_thr`` gets the labels of that
    lesion (if there are several, the one with the largest IoU). Any other detection is
    not malignant ('normal or benign'), even if it partly covers a malignant lesion, and
    its BI-RADS score is unknown. A detection with more than ``iou_thr`` of its area in
    an ignored region has only unknown labels.

    Args:
        boxes (np.ndarray): Detections (x1, y1, x2, y2), shape (n, 4).
        lesion_boxes (np.ndarray): Lesions in the same frame, shape (m, 4).
        pathologies, birads (Sequence[str | None]): Values for the m lesions, as in
            :func:`lesion_labels`.
        ignored_boxes (np.ndarray, optional): Regions to be ignored (COCO's
            ``iscrowd``), shape (k, 4). Defaults to ``None``.
        iou_thr (float): IoU threshold. Defaults to 0.5.

    Returns:
        PatchLabels: Labels of the n detections.
    """
    iou = box_iou(boxes, lesion_boxes)
    in_ignored = (
        None if ignored_boxes is None else box_iou(boxes, ignored_boxes, crowd=True)
    )
    # 'equal or larger', while match_detections requires larger
    lesions = match_detections(iou, np.nextafter(iou_thr, 0), in_ignored)
    malignant = np.full(len(lesions), UNKNOWN, np.int64)
    malignant[lesions == FALSE_POSITIVE] = NOT_MALIGNANT
    birads_scores = np.full(len(lesions), np.nan)
    on_lesion = lesions >= 0
    of_lesions = lesion_labels(pathologies, birads)
    malignant[on_lesion] = of_lesions[0][lesions[on_lesion]]
    birads_scores[on_lesion] = of_lesions[1][lesions[on_lesion]]
    return PatchLabels(lesions, iou.max(axis=1, initial=0), malignant, birads_scores)


def select_detections(
    scores: np.ndarray, min_score: float = 0.0, max_detections: int | None = None
) -> np.ndarray:
    """Choose which detections of one image become patches.

    Args:
        scores (np.ndarray): Scores, shape (n, ).
        min_score (float): Minimum score. Defaults to 0.
        max_detections (int, optional): Maximum number of detections, highest scores
            first, earlier ones first if equal. Defaults to ``None``, all.

    Returns:
        np.ndarray: Indices, highest score first.
    """
    order = np.argsort(-np.asarray(scores, float), kind='stable')
    return order[np.asarray(scores)[order] >= min_score][:max_detections]
