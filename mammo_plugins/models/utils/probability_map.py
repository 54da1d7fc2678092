"""Conversion of boxes to probability maps and back."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor

from mammo_plugins.evaluation.functional.overlap import box_iou


def boxes_to_probability_map(
    boxes: Tensor, scores: Tensor, shape: Sequence[int]
) -> Tensor:
    """Draw boxes: each pixel gets the best score of the boxes that cover it.

    This turns detections of IpsiDualNet into a probability map
    (MommiNet-v2, section 3.5). A box covers a pixel if the pixel's centre is inside it.

    Args:
        boxes (Tensor): (N, 4), (x1, y1, x2, y2).
        scores (Tensor): (N,).
        shape (Sequence[int]): (h, w).

    Returns:
        Tensor: (h, w), 0 outside the boxes.
    """
    drawn = scores.new_zeros(tuple(shape))
    # pixel k has its centre at k + 0.5
    edges = (boxes - 0.5).ceil().long().clamp(min=0).tolist()
    for i in scores.argsort().tolist():
        x1, y1, x2, y2 = edges[i]
        drawn[y1:y2, x1:x2] = scores[i]
    return drawn


def map_to_boxes(
    prob_map: Tensor,
    fraction: float = 0.7,
    min_score: float = 0.02,
    min_area: int = 1,
    iou_threshold: float = 0.2,
    max_per_img: int = 20,
) -> tuple[Tensor, Tensor]:
    """Find boxes in a probability map.

    The paper does not state how maps become scored detections. Here each local maximum,
    in descending order, is grown to the region around it, connected by sides or
    corners, in which the map is at least ``fraction`` of the maximum. The region's
    bounding box is a detection with the maximum as its score. Maxima inside an earlier
    region give no detections. If boxes overlap, the one with the highest score is kept.

    Args:
        prob_map (Tensor): (H, W).
        fraction (float): Level at which a region ends. Defaults to 0.7. At 0.5, regions
            of weak maxima extend into the background of maps trained with focal loss,
            and lesions are lost (observed on training images of the phantom).
        min_score (float): Lower maxima are discarded. Defaults to 0.02.
        min_area (int): Smaller regions, in pixels, are discarded. Defaults to 1.
        iou_threshold (float): Boxes that overlap a better one by more are discarded.
            Defaults to 0.2, the threshold of a hit in MommiNet-v2.
        max_per_img (int): Maximum number of boxes. Defaults to 20.

    Returns:
        tuple[Tensor]: Boxes (n, 4), (x1, y1, x2, y2), and scores (n,), descending.
    """
    values = np.ascontiguousarray(prob_map.detach().cpu().numpy(), np.float32)
    taken = np.zeros(values.shape, bool)
    boxes = np.zeros((0, 4))
    scores: list[float] = []
    for y, x in _maxima(values, min_score):
        if len(scores) == max_per_img:
            break
        if taken[y, x]:
            continue
        box, region = _spread(values, y, x, fraction * values[y, x])
        window = taken[box[1] : box[3], box[0] : box[2]]
        window |= region
        if region.sum() < min_area or (box_iou([box], boxes) > iou_threshold).any():
            continue
        boxes = np.concatenate([boxes, [box]])
        scores.append(values[y, x])
    return prob_map.new_tensor(boxes), prob_map.new_tensor(scores)


def _maxima(values: np.ndarray, least: float) -> np.ndarray:
    """Return (n, 2) positions not lower than their 8 neighbours, highest first."""
    highest = cv2.dilate(values, np.ones((3, 3), np.uint8))
    # of flat arrays NumPy finds them several times faster
    places = np.flatnonzero((values == highest) & (values >= least))
    places = places[np.argsort(-values.ravel()[places], kind='stable')]
    return np.stack(np.unravel_index(places, values.shape), axis=-1)


def _spread(
    values: np.ndarray, y: int, x: int, level: float
) -> tuple[list[int], np.ndarray]:
    """Return the box and mask of the region around a position, above a level.

    OpenCV's flood fill makes a small region of a large map cheap.
    """
    mask = np.zeros((values.shape[0] + 2, values.shape[1] + 2), np.uint8)
    flags = 8 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY
    _, _, _, (left, top, width, height) = cv2.floodFill(
        values, mask, (int(x), int(y)), 0, float(values[y, x] - level), 1e9, flags
    )
    box = [left, top, left + width, top + height]
    # the mask has a margin of one pixel
    return box, mask[1:-1, 1:-1][top : box[3], left : box[2]] == 1


def instances_from_map(
    prob_map: Tensor, sample: DetDataSample, rescale: bool = True, **kwargs
) -> InstanceData:
    """Find boxes in the map of one image.

    Args:
        prob_map (Tensor): (1, 1, H, W); it may be padded at the bottom and on the
            right.
        sample (:obj:`DetDataSample`): Sample of the image, with ``img_shape`` and, to
            rescale, ``scale_factor``.
        rescale (bool): Whether boxes are in pixels of the image before resizing.
            Defaults to True.
        **kwargs: As in :func:`map_to_boxes`.

    Returns:
        :obj:`InstanceData`: ``bboxes``, ``scores`` and ``labels``, all 0.
    """
    height, width = sample.img_shape[:2]
    boxes, scores = map_to_boxes(prob_map[0, 0, :height, :width], **kwargs)
    if rescale:
        boxes = boxes / boxes.new_tensor(sample.scale_factor).repeat(2)
    return InstanceData(
        bboxes=boxes, scores=scores, labels=scores.new_zeros(len(scores)).long()
    )
