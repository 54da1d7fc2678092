"""Weighted boxes fusion: one set of boxes from several detectors.

R. Solovyev, W. Wang, T. Gabruseva, Weighted boxes fusion: Ensembling boxes from
different object detection models, Image and Vision Computing 107 (2021), section 3.
Unlike non-maximum suppression, no box is discarded: boxes of one object are replaced by
their mean, weighted by score. Objects found by few detectors get lower scores.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .overlap import box_iou


class FusedBoxes(NamedTuple):
    """Fused boxes of several detectors, by descending score.

    Attributes:
        boxes (np.ndarray): (x1, y1, x2, y2), shape (m, 4).
        scores (np.ndarray): Shape (m, ).
        labels (np.ndarray): Shape (m, ).
        shares (np.ndarray): Share of each of the n input boxes, detector by detector,
            in each fused box, shape (m, n). Rows sum to 1; ``shares @ values`` fuses
            other values of the boxes.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    shares: np.ndarray


def weighted_boxes_fusion(
    boxes: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    iou_thr: float = 0.55,
) -> FusedBoxes:
    """Fuse the detections of an image.

    Boxes are processed by descending score. Each joins the fused box of the same label
    with the largest IoU, if that is above ``iou_thr``, and so moves it: a fused box is
    the mean of its boxes, weighted by their scores. Its score is the mean of theirs,
    times k / t if it has k < t boxes from t detectors.

    Args:
        boxes (Sequence[np.ndarray]): Boxes of each of t detectors, (n_i, 4) as (x1, y1,
            x2, y2), in any unit.
        scores, labels (Sequence[np.ndarray]): Scores and labels of these boxes, (n_i,
            ).
        iou_thr (float): IoU threshold. Defaults to 0.55, as in the paper.

    Returns:
        FusedBoxes: The fused boxes.

    Raises:
        ValueError: If there is no detector, or lengths differ.
    """
    if not len(boxes) == len(scores) == len(labels) or not len(boxes):
        raise ValueError(
            f'boxes, scores and labels of {len(boxes)}, {len(scores)} and '
            f'{len(labels)} detectors; expected those of one or more, as many of each'
        )
    sizes = [(len(b), len(s), len(c)) for b, s, c in zip(boxes, scores, labels)]
    if any(len(set(size)) > 1 for size in sizes):
        raise ValueError(
            f'numbers of boxes, scores and labels by detector are {sizes}; expected '
            'one score and one label a box'
        )
    given = np.concatenate([np.reshape(b, (-1, 4)) for b in boxes]).astype(float)
    score, label = np.concatenate(scores).astype(float), np.concatenate(labels)
    fused: list[np.ndarray] = []
    members: list[list[int]] = []
    for i in np.argsort(-score, kind='stable'):
        of_label = [c for c, m in enumerate(members) if label[m[0]] == label[i]]
        home = None
        if of_label:
            iou = box_iou(given[[i]], np.array([fused[c] for c in of_label]))[0]
            best = int(iou.argmax())
            home = of_label[best] if iou[best] > iou_thr else None
        if home is None:
            members.append([i])
            fused.append(given[i])
        else:
            members[home].append(i)
            fused[home] = _shares(score[members[home]]) @ given[members[home]]
    shares = np.zeros((len(members), len(score)))
    for row, inside in zip(shares, members):
        row[inside] = _shares(score[inside])
    believed = np.array(
        [score[m].mean() * min(len(m), len(boxes)) / len(boxes) for m in members]
    )
    order = np.argsort(-believed, kind='stable')
    return FusedBoxes(
        np.array(fused).reshape(-1, 4)[order],
        believed[order],
        label[[m[0] for m in members]][order] if members else label[:0],
        shares[order],
    )


def _shares(scores: np.ndarray) -> np.ndarray:
    """Return scores as weights that sum to 1; equal weights if all scores are 0."""
    total = scores.sum()
    return scores / total if total else np.full(len(scores), 1 / len(scores))
