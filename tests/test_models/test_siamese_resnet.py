"""ResNet for two images, against mmdet's ResNet."""

import mammo_plugins  # noqa: F401, isort: skip  (mmcv's operators)

import pytest
import torch
from mmdet.models.backbones import ResNet

from mammo_plugins.models import SiameseResNet


def build(**kwargs):
    torch.manual_seed(0)
    backbone = SiameseResNet(
        18, base_channels=4, in_channels=1, zero_init_residual=False, **kwargs
    )
    backbone.init_weights()
    backbone.eval()
    return backbone


def plain_twin(siamese, **kwargs):
    plain = ResNet(18, base_channels=4, in_channels=1, **kwargs)
    plain.eval()
    keys = siamese.load_state_dict(plain.state_dict(), strict=False)
    assert keys.unexpected_keys == []
    assert keys.missing_keys == ['fusion.convs.0.weight', 'fusion.convs.0.bias']
    return plain


@pytest.mark.parametrize(
    'kwargs',
    [
        dict(),
        dict(deep_stem=True, out_indices=(1, 3)),
        dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)),
    ],
)
def test_without_auxiliary_it_is_mmdets_resnet_to_the_bit(kwargs):
    siamese = build(**kwargs)
    plain = plain_twin(siamese, **kwargs)
    main = torch.rand(2, 1, 64, 64)
    expected = plain(main)
    assert len(siamese(main)) == len(expected)
    assert all(map(torch.equal, siamese(main), expected))


@pytest.mark.parametrize('concat_stage', [1, 2, 3, 4])
def test_fuses_after_the_stage_named(concat_stage):
    siamese = build(concat_stage=concat_stage)
    plain = plain_twin(siamese)
    main, auxiliary = torch.rand(2, 1, 64, 64), torch.rand(1, 1, 64, 64)
    own, other = plain(main), plain(auxiliary)
    out = siamese(main, auxiliary, rows=[1])
    i = concat_stage - 1
    for before, expected in zip(out[:i], own):
        torch.testing.assert_close(before, expected)
    fused = siamese.fusion.convs[0](torch.cat([own[i][1:], other[i]], 1))
    torch.testing.assert_close(out[i], torch.cat([own[i][:1], fused]))
    assert [o.shape for o in out] == [o.shape for o in own]


def test_last_stage_takes_the_main_stream_only():
    siamese = build()
    sizes = []
    for name in ('layer3', 'layer4'):
        getattr(siamese, name).register_forward_hook(
            lambda m, args, out: sizes.append(len(out))
        )
    siamese(torch.rand(3, 1, 64, 64), torch.rand(2, 1, 64, 64), [0, 1])
    assert sizes == [5, 3]
