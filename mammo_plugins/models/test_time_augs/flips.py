"""Flipping of batches, and of predictions back."""

from typing import Any

import torch
from mmengine.structures import BaseDataElement, InstanceData
from torch import Tensor

from mammo_plugins.structures.multi_view_data_sample import (
    MultiViewDataSample,
    views_of,
)

DIMS = dict(horizontal=(-1,), vertical=(-2,), diagonal=(-2, -1))
MAPS = ('heat_map', 'normal_img', 'abnormal_img')
"""Predictions (H, W) in pixels of the network's input."""


def flipped_batch(data: dict, direction: str) -> dict:
    """Return a batch with flipped images and nipples.

    Args:
        data (dict): A collated batch; its samples are changed, its images are not.
        direction (str): One of ``DIMS``.
    """
    inputs = data['inputs']

    def flipped(images: Any) -> list:
        return [None if i is None else i.flip(DIMS[direction]) for i in images]

    for i, sample in enumerate(data['data_samples']):
        for view, image in _with_images(sample, inputs, i):
            if view.get('nipple') is not None:
                points = torch.tensor([view.nipple], dtype=torch.float64)
                x, y = _mirrored(points, image.shape[-2:], direction)[0].tolist()
                view.set_metainfo(dict(nipple=(x, y)))
    return dict(
        data,
        inputs={name: flipped(images) for name, images in inputs.items()}
        if isinstance(inputs, dict)
        else flipped(inputs),
    )


def unflip(sample: BaseDataElement, inputs: Any, index: int, direction: str) -> None:
    """Map predictions for a flipped image to pixels of the unflipped one.

    Args:
        sample (BaseDataElement): Sample of one or several views; changed in place.
        inputs (dict | list): Inputs of the batch, unflipped.
        index (int): Index of the sample in the batch.
        direction (str): Direction of the flip.
    """
    for view, image in _with_images(sample, inputs, index):
        for key in MAPS:
            if key in view:
                view.set_field(view.get(key).flip(DIMS[direction]), key)
        if 'pred_sem_seg' in view:
            for key, value in view.pred_sem_seg.items():
                view.pred_sem_seg.set_field(value.flip(DIMS[direction]), key)
        if 'pred_instances' in view:
            _unflip_instances(view.pred_instances, view, image, direction)


def _with_images(
    sample: BaseDataElement, inputs: Any, index: int
) -> list[tuple[BaseDataElement, Tensor]]:
    """Return each view of a sample with its image (C, H, W)."""
    if isinstance(sample, MultiViewDataSample):
        return [(sample.get(n), inputs[n][index]) for n in sample.view_names]
    # a multi-view detector's result is that of the main view
    images = inputs['main'] if isinstance(inputs, dict) else inputs
    return [(view, images[index]) for view in views_of(sample)]


def _mirrored(points: Tensor, size: Any, direction: str) -> Tensor:
    """Mirror points (..., 2) in an image of (height, width)."""
    height, width = (float(side) for side in size)
    x, y = points[..., 0], points[..., 1]
    if direction != 'vertical':
        x = width - x
    if direction != 'horizontal':
        y = height - y
    return torch.stack([x, y], dim=-1)


def _unflip_instances(
    found: InstanceData, view: BaseDataElement, image: Tensor, direction: str
) -> None:
    # boxes are in pixels of the image before resizing
    across, down = view.scale_factor
    size = image.shape[-2] / down, image.shape[-1] / across
    corners = _mirrored(found.bboxes.reshape(-1, 2, 2), size, direction)
    found.bboxes = torch.cat([corners.amin(dim=1), corners.amax(dim=1)], dim=1)
    if 'keypoints' in found:
        found.keypoints = _mirrored(found.keypoints, size, direction)
    if 'masks' in found:
        if any(abs(a - b) > 1 for a, b in zip(size, found.masks.shape[-2:])):
            raise ValueError(
                f'masks of {tuple(found.masks.shape[-2:])} pixels of an image of '
                f'{size}: the test pipeline pads it, so that flipped masks do not fit; '
                'take the padding out, or test without --tta'
            )
        found.masks = found.masks.flip(DIMS[direction])
