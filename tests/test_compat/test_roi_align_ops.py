"""RoIAlign through mmcv's function, against loops over samples and differences."""

import math

import pytest
import torch
import torchvision
from mmcv.ops import RoIAlign, roi_align

import mammo_plugins  # noqa: F401  installs the operators

MODES = pytest.mark.parametrize('mode', ['avg', 'max'])
ALIGNED = pytest.mark.parametrize('aligned', [True, False])
RATIO = pytest.mark.parametrize('ratio', [0, 2])


@pytest.fixture
def sample():
    """Two maps of 3 channels at a quarter of the boxes' scale, and five regions."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 3, 7, 9, generator=generator, dtype=torch.float64)
    rois = torch.tensor(
        [
            [0, 1.5, 2.2, 21.7, 19.3],
            [1, 0.0, 0.0, 36.0, 28.0],
            [1, 10.1, 5.3, 12.2, 7.1],  # within a pixel
            [0, -9.0, -7.0, 14.0, 11.0],  # reaches out of the map
            [0, 25.0, 20.0, 50.0, 40.0],
        ],
        dtype=torch.float64,
    )
    return maps, rois


def bilinear(map_, y, x):
    """Value of one (H, W) map between its pixel centres; 0 off the map."""
    height, width = map_.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    total = 0.0
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            share = max(0, 1 - abs(y - row)) * max(0, 1 - abs(x - column))
            if share:
                total += share * map_[row, column].item()
    return total


def brute_force(maps, rois, size, scale, ratio, mode, aligned):
    """Every sample of every bin, one at a time."""
    output = torch.zeros(len(rois), maps.size(1), *size, dtype=maps.dtype)
    for k, roi in enumerate(rois.tolist()):
        x1, y1, x2, y2 = (v * scale - 0.5 * aligned for v in roi[1:])
        extent = (y2 - y1, x2 - x1)
        if not aligned:
            extent = [max(e, 1.0) for e in extent]
        bins = [e / s for e, s in zip(extent, size)]
        number = [ratio or math.ceil(b) for b in bins]
        for c in range(maps.size(1)):
            for i in range(size[0]):
                for j in range(size[1]):
                    values = [
                        bilinear(
                            maps[int(roi[0]), c],
                            y1 + (i + (u + 0.5) / number[0]) * bins[0],
                            x1 + (j + (v + 0.5) / number[1]) * bins[1],
                        )
                        for u in range(number[0])
                        for v in range(number[1])
                    ]
                    output[k, c, i, j] = (
                        max(values) if mode == 'max' else sum(values) / len(values)
                    )
    return output


@ALIGNED
@RATIO
@MODES
def test_forward_is_the_loop_over_samples(sample, ratio, aligned, mode):
    maps, rois = sample
    pooled = roi_align(maps, rois, (2, 3), 0.25, ratio, mode, aligned)
    torch.testing.assert_close(
        pooled, brute_force(maps, rois, (2, 3), 0.25, ratio, mode, aligned)
    )


@ALIGNED
@RATIO
def test_forward_is_torchvisions(sample, ratio, aligned):
    maps, rois = (tensor.float() for tensor in sample)
    layer = RoIAlign(7, 0.25, ratio, 'avg', aligned)
    expected = torchvision.ops.roi_align(maps, rois, 7, 0.25, ratio, aligned)
    torch.testing.assert_close(layer(maps, rois), expected, rtol=0, atol=0)


@ALIGNED
@RATIO
@MODES
def test_gradient_by_finite_differences(sample, ratio, aligned, mode):
    maps, rois = sample
    maps = maps[:, :2].clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda m: roi_align(m, rois, (2, 3), 0.25, ratio, mode, aligned), maps
    )


@MODES
def test_a_region_of_no_size_pools_to_zero(mode):
    maps = torch.ones(1, 1, 4, 4, requires_grad=True)
    rois = torch.tensor([[0, 2.0, 2.0, 2.0, 3.0], [0, 1.0, 1.0, 3.0, 3.0]])
    pooled = roi_align(maps, rois, 2, 1.0, 0, mode, True)
    assert pooled[0].eq(0).all() and pooled[1].eq(1).all()
    pooled.sum().backward()
    assert maps.grad.sum() == pytest.approx(4)


@RATIO
@MODES
def test_not_aligned_a_region_of_no_size_is_a_pixel_wide(sample, ratio, mode):
    maps, _ = sample
    rois = torch.tensor(
        [[0, 2.0, 2.0, 2.0, 2.0], [1, 3.0, 2.0, 1.0, 6.0]], dtype=maps.dtype
    )
    pooled = roi_align(maps, rois, (2, 3), 1.0, ratio, mode, False)
    torch.testing.assert_close(
        pooled, brute_force(maps, rois, (2, 3), 1.0, ratio, mode, False)
    )
    assert pooled.ne(0).all()


@MODES
def test_no_regions(mode):
    maps = torch.randn(2, 3, 5, 5, requires_grad=True)
    pooled = roi_align(maps, torch.zeros(0, 5), 7, 1.0, 0, mode, True)
    assert pooled.shape == (0, 3, 7, 7)
    pooled.sum().backward()
    assert maps.grad.eq(0).all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@MODES
def test_half_precision_sums_in_float32(sample, dtype, mode):
    maps, rois = (tensor.to(dtype) for tensor in sample)
    maps.requires_grad_()
    pooled = roi_align(maps, rois, (2, 3), 0.25, 0, mode, True)
    whole = maps.detach().double().requires_grad_()
    expected = roi_align(whole, rois.double(), (2, 3), 0.25, 0, mode, True)
    assert pooled.dtype == dtype
    torch.testing.assert_close(pooled, expected.to(dtype))
    pooled.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(maps.grad, whole.grad.to(dtype))


def test_under_autocast(sample):
    maps, rois = (tensor.float() for tensor in sample)
    maps.requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        pooled = roi_align(maps.bfloat16(), rois, 2, 0.25, 0, 'avg', True)
        pooled.float().sum().backward()
    assert pooled.dtype == torch.bfloat16
    assert maps.grad.isfinite().all() and maps.grad.abs().sum() > 0


@MODES
def test_cuda_equals_cpu(sample, mode):
    if not torch.cuda.is_available():
        pytest.skip('no CUDA device')
    results = []
    for device in ('cpu', 'cuda'):
        maps, rois = (tensor.to(device) for tensor in sample)
        maps = maps.clone().requires_grad_()
        pooled = roi_align(maps, rois, (2, 3), 0.25, 0, mode, True)
        pooled.square().sum().backward()
        results.append((pooled.detach().cpu(), maps.grad.cpu()))
    torch.testing.assert_close(results[0], results[1])
