"""RoIAlign with the call signatures of ``mmcv._ext``.

He et al., Mask R-CNN, ICCV 2017. Each bin of a region is sampled bilinearly at
``sampling_ratio`` x ``sampling_ratio`` points (0: as many as the bin has pixels,
rounded up). The result is the mean or the maximum of the samples.

torchvision only averages. The maximum is computed on a finer grid: if every sample is
its own bin, sampled once at its centre, the points are the same.
"""

from collections.abc import Iterator

import torch
import torchvision
from torch import Tensor
from torch.nn.functional import max_pool2d

from mammo_plugins.compat.precision import full_precision

_MAX = 0
"""``pool_mode`` of the maximum; 1 is the average."""


def _average(
    input: Tensor,
    rois: Tensor,
    size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """Return torchvision's RoIAlign, shape (K, C, *size)."""
    return torchvision.ops.roi_align(
        input, rois, size, spatial_scale, sampling_ratio, aligned
    )


def _average_gradient(
    grad_output: Tensor,
    rois: Tensor,
    input_shape: torch.Size,
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """Return the gradient of :func:`_average` by its input, shape (N, C, H, W)."""
    # called directly, since torchvision's autograd would pool again
    return torch.ops.torchvision._roi_align_backward(
        grad_output,
        rois,
        spatial_scale,
        *grad_output.shape[2:],
        *input_shape,
        sampling_ratio,
        aligned,
    )


def _by_sample_grid(
    rois: Tensor,
    size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> Iterator[tuple[Tensor, tuple[int, int]]]:
    """Group regions by the number of samples per bin, vertically and horizontally.

    Yields:
        Indices of the regions, and (rows, columns) of samples in each bin. Aligned
        regions without height or width get no samples and are left out.
    """
    # It cancels except for rounding, in which the number of samples must agree.
    offset = 0.5 if aligned else 0.0
    corners = rois[:, 1:] * spatial_scale - offset
    extent = (corners[:, 2:] - corners[:, :2]).flip(1)
    if sampling_ratio > 0:
        grids = torch.full_like(extent, sampling_ratio)
    else:
        extent = extent if aligned else extent.clamp(min=1)
        grids = (extent / extent.new_tensor(size)).ceil()
    for grid in grids.unique(dim=0):
        rows, columns = int(grid[0]), int(grid[1])
        if rows > 0 and columns > 0:
            yield (grids == grid).all(dim=1).nonzero()[:, 0], (rows, columns)


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Write the pooled regions to ``output``.

    Args:
        input: (N, C, H, W).
        rois: (K, 5), as (index into N, x1, y1, x2, y2).
        output: (K, C, aligned_height, aligned_width) buffer that receives the result.
        argmax_y: Of the same shape for the maximum, else empty. Receives the row of
            the largest sample within its bin's grid of samples (the compiled operator
            keeps its position in the map), for :func:`roi_align_backward`.
        argmax_x: The same for the column.
        aligned_height: Vertical number of bins.
        aligned_width: Horizontal number of bins.
        spatial_scale: Pixels of ``input`` per unit of ``rois``.
        sampling_ratio: Samples per bin along each side; 0 for one per pixel.
        pool_mode: 0 maximum, 1 average.
        aligned: Whether pixel k is centred at k + 0.5; if not, at k, and regions are
            at least one pixel wide and high.
    """
    if not rois.numel():
        return
    size = (aligned_height, aligned_width)
    features = full_precision(input)
    rois = rois.to(features.dtype)
    if pool_mode != _MAX:
        output.copy_(
            _average(features, rois, size, spatial_scale, sampling_ratio, aligned)
        )
        return
    output.zero_()
    for index, grid in _by_sample_grid(
        rois, size, spatial_scale, sampling_ratio, aligned
    ):
        samples = _average(
            features,
            rois[index],
            (size[0] * grid[0], size[1] * grid[1]),
            spatial_scale,
            1,
            aligned,
        )
        largest, flat = max_pool2d(samples, grid, return_indices=True)
        output[index] = largest.to(output.dtype)
        width = samples.size(3)
        argmax_y[index] = (flat // width % grid[0]).to(argmax_y.dtype)
        argmax_x[index] = (flat % width % grid[1]).to(argmax_x.dtype)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Write the gradient by ``input`` to ``grad_input``, (N, C, H, W).

    Args:
        grad_output: (K, C, aligned_height, aligned_width).
        rois: As in :func:`roi_align_forward`, like all following arguments.
        argmax_y: Output of :func:`roi_align_forward`.
        argmax_x: Output of :func:`roi_align_forward`.
        grad_input: Buffer of zeros that receives the gradient.
        aligned_height: Vertical number of bins.
        aligned_width: Horizontal number of bins.
        spatial_scale: Pixels of ``input`` per unit of ``rois``.
        sampling_ratio: Samples per bin along each side; 0 for one per pixel.
        pool_mode: 0 maximum, 1 average.
        aligned: Whether pixel k is centred at k + 0.5.
    """
    if not rois.numel():
        return
    size = (aligned_height, aligned_width)
    shape = grad_input.shape
    grad = full_precision(grad_output)
    rois = rois.to(grad.dtype)
    if pool_mode != _MAX:
        grad_input.copy_(
            _average_gradient(grad, rois, shape, spatial_scale, sampling_ratio, aligned)
        )
        return
    total = torch.zeros_like(grad_input, dtype=grad.dtype)
    for index, grid in _by_sample_grid(
        rois, size, spatial_scale, sampling_ratio, aligned
    ):
        height, width = size[0] * grid[0], size[1] * grid[1]
        down = torch.arange(size[0], device=rois.device)[:, None] * grid[0]
        across = torch.arange(size[1], device=rois.device) * grid[1]
        flat = (down + argmax_y[index].long()) * width + across + argmax_x[index].long()
        of_samples = grad.new_zeros(*flat.shape[:2], height * width).scatter_(
            2, flat.flatten(2), grad[index].flatten(2)
        )
        total += _average_gradient(
            of_samples.unflatten(2, (height, width)),
            rois[index],
            shape,
            spatial_scale,
            1,
            aligned,
        )
    grad_input.copy_(total)
