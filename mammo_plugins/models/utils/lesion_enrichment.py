"""Lesion-enriched images and contralateral adversarial samples, on the device.

Source: "NaFV-Net: An Adversarial Four-view Network for Mammogram Classification",
"The Breast Mass Classification", algorithm 1 and eqs. 8 and 9.
"""

import torch
from torch import Tensor

from .connected_parts import parts_of

_IN_BOX = 0.9  # weight in a lesion's box outside the lesion
_SPREAD = 0.3  # standard deviation of the soft mask, as a share of its patch's sides
_STEPS = 32  # steps per pixel, to which OpenCV 4 rounds positions


def _middles(like: Tensor) -> tuple:
    """Return the centres of rows (H, 1) and columns (W, ) of (..., H, W)."""
    height, width = like.shape[-2:]
    rows = torch.arange(height, device=like.device, dtype=torch.float64) + 0.5
    return rows[:, None], torch.arange(
        width, device=like.device, dtype=torch.float64
    ) + 0.5


def _within(box: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return which pixels (H, W) lie in boxes (M, 4, 1, 1)."""
    x1, y1, x2, y2 = box.unbind(1)
    return (columns >= x1) & (columns < x2) & (rows >= y1) & (rows < y2)


def position_mask(lesions: Tensor, unit: float | None = None) -> Tensor:
    """Return the weight of each pixel for the classifier (algorithm 1, line 4).

    It is 1 in the lesion and 0.9 in the rest of its box. Outside the box, the weight is
    "0.9 - dist", where dist is the Euclidean distance to the lesion's centre. It
    decreases "from 0.9 to 0", but the paper does not state the unit. By default, the
    image's farthest pixel gets 0: ``0.9 (1 - d / d_max)``. In pixels, as algorithm 1 is
    printed, the weight would already be 0 next to the box, and the classifier would see
    only boxes, which contradicts "decrease". The weight is discontinuous at the box's
    edge. The centre is that of the box. If there are several lesions, each pixel gets
    the largest weight. Without a lesion, all weights are 1.

    Args:
        lesions (Tensor): (M, H, W) bool; each connected part is a lesion.
        unit (float, optional): Number of pixels that count as a dist of 1; negative
            weights are set to 0. 1 is algorithm 1 as printed. Defaults to ``None``,
            ``d_max / 0.9`` of each lesion.

    Returns:
        Tensor: (M, H, W) float32 in [0, 1].

    Raises:
        ValueError: If the masks do not have this shape or type, or the unit is not
            above 0.
    """
    if unit is not None and unit <= 0:
        raise ValueError(f'unit: {unit}; expected pixels, above 0, or None')
    if lesions.dim() != 3 or lesions.dtype != torch.bool:
        raise ValueError(
            f'lesions: {lesions.dtype} of shape {tuple(lesions.shape)}; '
            'expected bool masks (M, H, W)'
        )
    boxes, there, *_ = parts_of(lesions)
    rows, columns = _middles(lesions)
    weights = torch.zeros_like(lesions, dtype=torch.float64)
    for box, present in zip(boxes[..., None, None].unbind(1), there.unbind(1)):
        x1, y1, x2, y2 = box.unbind(1)
        distance = torch.hypot(columns - (x1 + x2) / 2, rows - (y1 + y2) / 2)
        farthest = distance.amax(dim=(1, 2), keepdim=True).clamp(min=1e-9)
        falling = (
            _IN_BOX * (1 - distance / farthest)
            if unit is None
            else _IN_BOX - distance / unit
        )
        falling = falling.masked_fill(_within(box, rows, columns), _IN_BOX)
        weights = torch.where(
            present[:, None, None], torch.maximum(weights, falling), weights
        )
    none = ~lesions.flatten(1).any(dim=1)[:, None, None]
    return weights.masked_fill(lesions | none, 1).float()


def contralateral_fusion(
    unaffected: Tensor, affected: Tensor, lesions: Tensor
) -> Tensor:
    """Blend lesions into the mirrored position of the other breast (eq. 9, figure 3).

    ``F = alpha O + (1 - alpha) R`` within each lesion's box, where O is the unaffected
    image and R the affected one. ``1 - alpha`` is a Gaussian over the box, 1 at its
    centre; the paper states only "soft contour mask". Outside the boxes F is O.

    Args:
        unaffected (Tensor): (M, H, W) in [0, 1].
        affected (Tensor): (M, H, W), mapped to the unaffected side's frame.
        lesions (Tensor): (M, H, W) bool, in the same frame.

    Returns:
        Tensor: (M, H, W) float32.

    Raises:
        ValueError: If the shapes differ.
    """
    if not unaffected.shape == affected.shape == lesions.shape:
        raise ValueError(
            f'unaffected {tuple(unaffected.shape)}, affected '
            f'{tuple(affected.shape)} and lesions {tuple(lesions.shape)}: '
            'expected one shape; register them first'
        )
    boxes, there, *_ = parts_of(lesions)
    rows, columns = _middles(lesions)
    fused = unaffected.float()
    for box, present in zip(boxes[..., None, None].unbind(1), there.unbind(1)):
        x1, y1, x2, y2 = box.unbind(1)
        across, down = (
            torch.exp(
                -(
                    (
                        (places - (low + high) / 2)
                        / (_SPREAD * (high - low)).clamp(min=1e-9)
                    )
                    ** 2
                )
                / 2
            )
            for places, low, high in ((columns, x1, x2), (rows, y1, y2))
        )
        weight = (across * down).float()
        inside = _within(box, rows, columns) & present[:, None, None]
        fused = torch.where(inside, (1 - weight) * fused + weight * affected, fused)
    return fused.float()


def moved_lesions(lesions: Tensor, boxes: Tensor, shifts: Tensor) -> Tensor:
    """Move the lesions of masks, "to introduce slight misalignments".

    Args:
        lesions (Tensor): (M, H, W) bool.
        boxes (Tensor): (M, K, 4), boxes of their parts, each moved with its content.
        shifts (Tensor): (M, K, 2) as shares (x, y) of the boxes' sides, rounded to
            whole pixels.

    Returns:
        Tensor: (M, H, W) bool; parts moved out of the image are lost.
    """
    height, width = lesions.shape[1:]
    rows, columns = (middles.long() for middles in _middles(lesions))
    steps = (shifts * (boxes[..., 2:] - boxes[..., :2])).round().long()
    flat, moved = lesions.flatten(1), torch.zeros_like(lesions)
    for box, step in zip(
        boxes[..., None, None].unbind(1), steps[..., None, None].unbind(1)
    ):
        ys, xs = torch.broadcast_tensors(rows - step[:, 1], columns - step[:, 0])
        places = ys.clamp(0, height - 1) * width + xs.clamp(0, width - 1)
        moved |= flat.gather(1, places.flatten(1)).view_as(moved) & _within(box, ys, xs)
    return moved


def remapped(images: Tensor, maps: Tensor, nearest: bool = False) -> Tensor:
    """Resample images by maps of coordinates, like ``cv2.remap``.

    Args:
        images (Tensor): (M, h, w).
        maps (Tensor): (M, 2, H, W), columns and rows counted from the centres of
            pixels, as from :meth:`~mammo_plugins.anatomy.Registration.pixel_maps`.
        nearest (bool): Whether to use nearest neighbours, as for masks. Defaults to
            False, bilinear.

    Returns:
        Tensor: (M, H, W), 0 outside the image.
    """
    height, width = images.shape[1:]
    flat = images.flatten(1)

    def fetched(x: Tensor, y: Tensor) -> Tensor:
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        places = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
        return flat.gather(1, places.flatten(1)).view_as(places) * inside

    if nearest:
        return fetched(*maps.round().long().unbind(1))
    places = (maps * _STEPS).round() / _STEPS
    x, y = places.floor().long().unbind(1)
    right, below = (places - places.floor()).unbind(1)
    return (1 - below) * (
        (1 - right) * fetched(x, y) + right * fetched(x + 1, y)
    ) + below * ((1 - right) * fetched(x, y + 1) + right * fetched(x + 1, y + 1))
