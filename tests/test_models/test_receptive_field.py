"""The receptive field against the sum over layers."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mammo_plugins.models.utils import receptive_field
from mammo_plugins.registry import MODELS

CONFIGS = Path(__file__).parents[2] / 'configs/disasym'


def summed(layers):
    """1 + the sum of (kernel - 1) times the strides before it."""
    seen, jump = 1, 1
    for kernel, stride in layers:
        seen, jump = seen + (kernel - 1) * jump, jump * stride
    return seen


def resnet18(strides):
    """Kernel and stride of ResNet-18's layers, its shortcuts left out."""
    return [(7, 2), (3, 2)] + [
        (3, stride) for first in strides for stride in (first, 1, 1, 1)
    ]


@pytest.mark.parametrize(
    'config, strides, pixels',
    [('disasymnet_phantom', (1, 2, 1, 1), 227), ('asyc_ddsm', (1, 2, 2, 2), 435)],
)
def test_encoders_of_disasymnet(config, strides, pixels):
    cfg = Config.fromfile(CONFIGS / f'{config}.py').model
    with MODELS.switch_scope_and_registry('mammo'):
        encoder = MODELS.build(
            dict(cfg.asyc.encoder, init_cfg=None, stem_channels=4, base_channels=4)
        )
    before = copy.deepcopy(encoder.state_dict())
    found = receptive_field(encoder, cfg.asyc.encoder.get('in_channels', 3))
    assert found == summed(resnet18(strides)) == pixels
    # so a place of the phantom's 96 x 48 pixels may see the whole image
    after = encoder.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert any(isinstance(part, nn.MaxPool2d) for part in encoder.modules())


@pytest.mark.parametrize(
    'layers', [[(1, 1)], [(3, 1)], [(3, 2), (3, 1)], [(5, 3), (1, 1), (3, 2), (3, 1)]]
)
def test_plain_convolutions(layers):
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(1, 1, kernel, stride, kernel // 2) for kernel, stride in layers)
    )
    assert receptive_field(network) == summed(layers)


def test_what_sees_everything():
    class Everywhere(nn.Module):
        def forward(self, x):
            return x + x.mean((2, 3), keepdim=True)

    with pytest.raises(ValueError, match='attention'):
        receptive_field(Everywhere())
