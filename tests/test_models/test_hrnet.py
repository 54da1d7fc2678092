"""HRNet with a narrower stem."""

import pytest
import torch
from mmdet.models.backbones import HRNet

from mammo_plugins.models.backbones import NarrowStemHRNet

EXTRA = dict(
    stage1=dict(
        num_modules=1,
        num_branches=1,
        block='BOTTLENECK',
        num_blocks=(1,),
        num_channels=(16,),
    ),
    stage2=dict(
        num_modules=1,
        num_branches=2,
        block='BASIC',
        num_blocks=(1, 1),
        num_channels=(8, 16),
    ),
    stage3=dict(
        num_modules=1,
        num_branches=3,
        block='BASIC',
        num_blocks=(1, 1, 1),
        num_channels=(8, 16, 32),
    ),
    stage4=dict(
        num_modules=1,
        num_branches=4,
        block='BASIC',
        num_blocks=(1, 1, 1, 1),
        num_channels=(8, 16, 32, 64),
    ),
)


def test_with_64_channels_it_is_mmdets():
    theirs, ours = HRNet(EXTRA), NarrowStemHRNet(EXTRA)
    theirs.eval(), ours.eval()  # mmdet's return None
    ours.load_state_dict(theirs.state_dict())
    image = torch.rand(1, 3, 64, 64)
    for a, b in zip(theirs(image), ours(image)):
        assert torch.equal(a, b)


@pytest.mark.parametrize('in_channels', [1, 3])
def test_a_narrow_stem(in_channels):
    model = NarrowStemHRNet(EXTRA, stem_channels=8, in_channels=in_channels)
    model.init_weights()
    assert model.conv1.weight.shape == (8, in_channels, 3, 3)
    assert model.conv2.weight.shape == (8, 8, 3, 3)
    assert model.norm1.num_features == model.norm2.num_features == 8
    wide = dict(NarrowStemHRNet(EXTRA, in_channels=in_channels).named_parameters())
    narrow = dict(model.named_parameters())
    # 64 channels already fit the first block, fewer need its shortcut convolved
    assert {
        name for name in narrow.keys() ^ wide.keys() if 'downsample' not in name
    } == set()
    changed = {
        name.split('.')[0]
        for name in wide
        if name in narrow and wide[name].shape != narrow[name].shape
    }
    assert changed == {'conv1', 'conv2', 'bn1', 'bn2', 'layer1'}
    outs = model(torch.rand(2, in_channels, 64, 64))
    assert [tuple(out.shape) for out in outs] == [
        (2, 8, 16, 16),
        (2, 16, 8, 8),
        (2, 32, 4, 4),
        (2, 64, 2, 2),
    ]
    sum(out.sum() for out in outs).backward()
    assert all(p.grad is not None for p in model.parameters())
