"""Patches cropped from a network's input."""

import torch
from mmcv.ops import roi_align
from torch import Tensor


def crop_patches(
    image: Tensor, boxes: Tensor, size: int, context: float = 1.0, fill: float = 0.0
) -> Tensor:
    """Crop boxes from an image and resize them to one size.

    The counterpart of :class:`~mammo_plugins.datasets.transforms.CropPatch` for
    tensors: bilinear if a patch is enlarged, averaged if it is shrunk.

    Args:
        image (Tensor): Shape (1, C, H, W).
        boxes (Tensor): (x1, y1, x2, y2) in its pixels, shape (n, 4); n may be 0.
        size (int): Height and width of the patches.
        context (float): Factor by which boxes grow about their centres. Defaults
            to 1.
        fill (float): Value outside the image: black, in a normalized image
            ``-mean / std``. Defaults to 0.

    Returns:
        Tensor: Shape (n, C, size, size).
    """
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    halves = (boxes[:, 2:] - boxes[:, :2]) / 2 * context
    grown = torch.cat([centres - halves, centres + halves], dim=1)
    rois = torch.cat([grown.new_zeros(len(grown), 1), grown], dim=1)
    # RoIAlign is 0 outside the image; 0 samples per bin means as many as pixels
    patches = roi_align(image - fill, rois.to(image), (size, size), 1.0, 0, 'avg', True)
    return patches + fill
