"""Heads that draw maps of lesions."""

import mammo_plugins  # noqa: F401, isort: skip  (mmcv's operators)

import pytest
import torch
import torch.nn.functional as F
from mmdet.structures import DetDataSample
from mmengine.structures import PixelData
from torchvision.models.segmentation.deeplabv3 import ASPP

from mammo_plugins.models import ASPPHead, HRNetV2Head, shrink_lesion_map

GROUPS = dict(type='GN', num_groups=2)


def pyramid(channels=(3, 4, 5, 6), n=2, size=16):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(n, c, size >> i, size >> i, generator=generator)
        for i, c in enumerate(channels)
    ]


def test_mixing_before_enlarging_is_mixing_the_concatenation():
    torch.manual_seed(0)
    head = HRNetV2Head((3, 4, 5, 6), norm_cfg=GROUPS).eval()
    features = pyramid()
    enlarged = [F.interpolate(f, size=(16, 16), mode='bilinear') for f in features]
    weight = torch.cat([conv.weight for conv in head.mix], 1)
    assert weight.shape == (18, 18, 1, 1)
    mixed = F.conv2d(torch.cat(enlarged, 1), weight)
    expected = head.conv_logits(head.norm(mixed).relu())
    torch.testing.assert_close(head(features), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    'head',
    [
        HRNetV2Head((3, 4, 5, 6), channels=8),
        ASPPHead(6, channels=16, dilations=(1, 2)),
    ],
)
def test_starts_at_the_prior(head):
    torch.manual_seed(0)
    head.init_weights()
    logits = head(pyramid())
    size = 16 if isinstance(head, HRNetV2Head) else 2
    assert logits.shape == (2, 1, size, size)
    assert 0.005 < logits.sigmoid().mean() < 0.02
    assert torch.sigmoid(head.conv_logits.bias).item() == pytest.approx(0.01)


def test_pyramid_pooling_is_torchvisions():
    """With batch norm and the same weights, in order."""
    torch.manual_seed(0)
    head = ASPPHead(6, channels=8, dilations=(1, 2), norm_cfg=dict(type='BN')).eval()
    theirs = ASPP(6, (1, 2), 8).eval()
    ours = torch.nn.ModuleList([head.branches, head.of_mean, head.project])
    with torch.no_grad():
        for one, other in zip(
            ours.state_dict().values(), theirs.state_dict().values(), strict=True
        ):
            one.copy_(torch.rand_like(other) if other.is_floating_point() else other)
            other.copy_(one)
    x = torch.randn(2, 6, 9, 7)
    torch.testing.assert_close(head.aspp(x), theirs(x))


@pytest.mark.parametrize(
    'head',
    [
        HRNetV2Head((3, 4, 5, 6), channels=8),
        ASPPHead(6, channels=16, dilations=(1, 2)),
    ],
)
def test_an_image_comes_out_as_alone(head):
    """In training as in testing: nothing is taken from the other images."""
    head.eval()
    tested = head(pyramid())
    head.train()
    for module in head.modules():  # random by intent
        if isinstance(module, torch.nn.Dropout):
            module.eval()
    alone = torch.cat(
        [head([level[i : i + 1] for level in pyramid()]) for i in range(2)]
    )
    torch.testing.assert_close(alone, tested)


def test_shrinking_keeps_small_lesions_and_what_is_ignored():
    lesion_map = torch.zeros(1, 1, 8, 12, dtype=torch.uint8)
    lesion_map[0, 0, 3, 3] = 1  # one pixel of the first cell
    lesion_map[0, 0, :4, 4:8] = 255
    lesion_map[0, 0, 0, 8:] = torch.tensor([255, 255, 255, 1])  # lesion wins
    lesion_map[0, 0, 7, 0] = 255
    shrunk = shrink_lesion_map(lesion_map, (2, 3))
    assert shrunk[0, 0].tolist() == [[1, 255, 1], [255, 0, 0]]


def test_loss_compares_at_the_logits_resolution():
    head = HRNetV2Head((3, 4, 5, 6), channels=8)
    samples = []
    for seed in range(2):
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.rand(1, 64, 64, generator=generator) > 0.99
        samples.append(
            DetDataSample(gt_sem_seg=PixelData(sem_seg=drawn.to(torch.uint8)))
        )
    logits = torch.randn(2, 1, 16, 16)
    cells = (
        torch.stack([s.gt_sem_seg.sem_seg for s in samples])
        .unflatten(2, (16, 4))
        .unflatten(4, (16, 4))
        .amax((3, 5))
    )
    assert 0 < cells.float().mean() < 0.5
    torch.testing.assert_close(
        head.loss_by_logits(logits, samples)['loss_map'], head.loss_map(logits, cells)
    )


def test_probability_has_the_inputs_size():
    logits = torch.tensor([[[[-20.0, 20.0]]]])
    drawn = HRNetV2Head.probability(logits, (4, 8))
    assert drawn.shape == (1, 1, 4, 8)
    assert drawn[..., 0].max() < 1e-6 and drawn[..., -1].min() > 1 - 1e-6
