"""The integrated fusion network."""

import pytest
import torch
from mmengine.structures import PixelData

import mammo_plugins.models  # noqa: F401, isort: skip  (mmcv's operators)

from mmdet.models.backbones import ResNet
from mmdet.structures import DetDataSample

from mammo_plugins.models import IntegratedFusionNet

CHANNELS = (4, 6, 8, 10)


def build(**kwargs):
    torch.manual_seed(0)
    net = IntegratedFusionNet(
        **{
            **dict(
                feature_channels=CHANNELS,
                channels=(4, 6, 8, 10),
                norm_cfg=dict(type='GN', num_groups=2),
            ),
            **kwargs,
        }
    )
    net.init_weights()
    return net


def inputs(n=2, size=(64, 96), channels=CHANNELS):
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(n, 1, *size, generator=generator)
    maps = torch.rand(2, n, 1, *size, generator=generator)
    features = [
        torch.randn(n, c, size[0] >> i + 2, size[1] >> i + 2, generator=generator)
        for i, c in enumerate(channels)
    ]
    return image, maps[0], maps[1], features


def test_logits_have_stride_four_and_start_at_the_prior():
    logits = build()(*inputs())
    assert logits.shape == (2, 1, 16, 24)
    assert 0.005 < logits.sigmoid().mean() < 0.02


def test_defaults_fit_hrnet_w48():
    net = IntegratedFusionNet().eval()
    channels = (48, 96, 192, 384)
    assert net(*inputs(1, (32, 64), channels)).shape == (1, 1, 8, 16)


def test_takes_features_of_resnet():
    backbone = ResNet(18, base_channels=4, in_channels=1)
    image, ipsi, bi, _ = inputs()
    net = build(feature_channels=(4, 8, 16, 32))
    assert net(image, ipsi, bi, backbone(image)).shape == (2, 1, 16, 24)


def test_colour_channels_of_a_grey_image_are_alike():
    image, *rest = inputs()
    net = build()
    net.eval()
    assert torch.equal(net(image.expand(-1, 3, -1, -1), *rest), net(image, *rest))


def test_every_input_tells_and_features_get_no_gradient():
    net = build()
    tensors = image, ipsi, bi, features = inputs()
    for tensor in (image, ipsi, bi, *features):
        tensor.requires_grad_()
    net(*tensors).square().sum().backward()
    for tensor in (image, ipsi, bi):
        assert tensor.grad.abs().max() > 0
    assert all(feature.grad is None for feature in features)
    net.eval()
    before = net(*tensors)
    for level in range(4):
        changed = list(features)
        changed[level] = features[level] + 1
        assert not torch.equal(net(image, ipsi, bi, changed), before), level


def test_owns_its_own_parameters_only():
    net = build()
    net(*inputs()).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    assert {name.split('.')[0] for name, _ in net.named_parameters()} == {
        'stem',
        'down',
        'reduce',
        'up',
        'conv_logits',
    }


def test_levels_must_match():
    with pytest.raises(ValueError, match='differ in length'):
        build(channels=(4, 5))


def test_learns_to_trust_the_map_that_is_right():
    net = build(channels=(8, 8, 8, 8))
    image, _, noise, features = inputs(n=2, size=(64, 64))
    lesion = torch.zeros(2, 1, 64, 64, dtype=torch.uint8)
    lesion[0, 0, 8:24, 12:28] = 1
    lesion[1, 0, 40:52, 32:48] = 1
    samples = [DetDataSample(gt_sem_seg=PixelData(sem_seg=m)) for m in lesion]
    args = image, 0.6 * lesion, noise, features
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    losses = []
    for _ in range(40):
        losses.append(net.loss(*args, samples)['loss_map'])
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.3 * losses[0]
    net.eval()
    drawn = net.predict_map(*args)
    assert drawn.shape == (2, 1, 64, 64)
    inside = drawn[lesion.bool()].mean()
    assert inside > 0.4 and inside > 3 * drawn[~lesion.bool()].mean()
