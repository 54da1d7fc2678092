"""HRNet for two images, against mmdet's HRNet."""

import mammo_plugins  # noqa: F401, isort: skip  (mmcv's operators)

import copy

import pytest
import torch
from mmdet.models.backbones import HRNet
from mmengine.runner import save_checkpoint

from mammo_plugins.models import SiameseHRNet

EXTRA = dict(
    stage1=dict(
        num_modules=1,
        num_branches=1,
        block='BOTTLENECK',
        num_blocks=(1,),
        num_channels=(4,),
    ),
    stage2=dict(
        num_modules=1,
        num_branches=2,
        block='BASIC',
        num_blocks=(1, 1),
        num_channels=(4, 8),
    ),
    stage3=dict(
        num_modules=2,
        num_branches=3,
        block='BASIC',
        num_blocks=(1, 1, 1),
        num_channels=(4, 8, 16),
    ),
    stage4=dict(
        num_modules=1,
        num_branches=4,
        block='BASIC',
        num_blocks=(1, 1, 1, 1),
        num_channels=(4, 8, 16, 32),
    ),
)
STAGE_CHANNELS = {1: [16], 2: [4, 8], 3: [4, 8, 16]}


def build(**kwargs):
    torch.manual_seed(0)
    backbone = SiameseHRNet(EXTRA, in_channels=1, **kwargs)
    backbone.init_weights()
    backbone.eval()
    return backbone


def build_plain(weights):
    plain = HRNet(EXTRA, in_channels=1)
    plain.load_state_dict(weights, strict=False)
    plain.eval()  # returns nothing in mmdet
    return plain


def images(n, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 1, 64, 96, generator=generator)


def batches_seen(backbone, *inputs):
    """Return by part of HRNet how many images pass it."""
    seen = {}
    parts = ('conv1', 'layer1', 'stage2', 'stage3', 'stage4')
    for part in parts:

        def hook(module, args, out, part=part):
            first = args[0][0] if isinstance(args[0], (list, tuple)) else args[0]
            seen[part] = seen.get(part, 0) + len(first)

        getattr(backbone, part).register_forward_hook(hook)
    backbone(*inputs)
    return [seen[part] for part in parts]


@pytest.mark.parametrize('concat_stage', [1, 2, 3])
def test_hrnet_weights_load_and_only_the_fusion_is_new(concat_stage):
    plain, siamese = HRNet(EXTRA, in_channels=1), build(concat_stage=concat_stage)
    keys = siamese.load_state_dict(plain.state_dict(), strict=False)
    assert keys.unexpected_keys == []
    assert keys.missing_keys == [
        f'fusion.convs.{i}.{name}'
        for i in range(len(STAGE_CHANNELS[concat_stage]))
        for name in ('weight', 'bias')
    ]


def test_init_cfg_loads_hrnet_and_keeps_the_identity(tmp_path):
    plain = HRNet(EXTRA, in_channels=1)
    plain.init_weights()
    path = str(tmp_path / 'hrnet.pth')
    save_checkpoint(dict(state_dict=plain.state_dict()), path)
    siamese = build(init_cfg=dict(type='Pretrained', checkpoint=path))
    for name, value in plain.state_dict().items():
        assert torch.equal(siamese.state_dict()[name], value), name
    weight = siamese.fusion.convs[0].weight[..., 0, 0]
    assert torch.equal(weight[:, :4], torch.eye(4))
    assert 0 < weight[:, 4:].abs().max() < 0.1


@pytest.mark.parametrize('concat_stage', [1, 2, 3])
def test_without_auxiliary_it_is_mmdets_hrnet_to_the_bit(concat_stage):
    siamese = build(concat_stage=concat_stage)
    plain = build_plain(siamese.state_dict())
    main = images(2)
    expected = plain(main)
    for auxiliary in (None, main[:0]):
        out = siamese(main, auxiliary, rows=None if auxiliary is None else [])
        assert len(out) == len(expected) == 4
        assert all(map(torch.equal, out, expected))


@pytest.mark.parametrize('concat_stage', [1, 2, 3])
def test_fuses_what_mmdets_stages_give(concat_stage):
    """The same from mmdet's HRNet, with the concatenation in a hook."""
    siamese = build(concat_stage=concat_stage)
    plain = build_plain(siamese.state_dict())
    main, auxiliary = images(2), images(2, seed=2)
    stage = [plain.layer1, plain.stage2, plain.stage3][concat_stage - 1]
    kept = []
    keep = stage.register_forward_hook(lambda m, args, out: kept.append(out))
    plain(auxiliary)
    keep.remove()

    def fuse(module, args, out):
        pairs = zip(*([o] if torch.is_tensor(o) else o for o in (out, kept[0])))
        fused = [
            conv(torch.cat(pair, 1)) for conv, pair in zip(siamese.fusion.convs, pairs)
        ]
        return fused[0] if torch.is_tensor(out) else fused

    stage.register_forward_hook(fuse)
    for out, expected in zip(siamese(main, auxiliary), plain(main)):
        torch.testing.assert_close(out, expected)
    assert not torch.allclose(siamese(main, auxiliary)[0], siamese(main)[0])


@pytest.mark.parametrize('concat_stage', [1, 2, 3])
def test_convolutions_take_both_and_give_the_mains_channels(concat_stage):
    siamese = build(concat_stage=concat_stage)
    shapes = [tuple(conv.weight.shape) for conv in siamese.fusion.convs]
    assert shapes == [(c, 2 * c, 1, 1) for c in STAGE_CHANNELS[concat_stage]]
    out = siamese(images(2), images(2, seed=2))
    assert [tuple(o.shape) for o in out] == [
        (2, 4, 16, 24),
        (2, 8, 8, 12),
        (2, 16, 4, 6),
        (2, 32, 2, 3),
    ]


@pytest.mark.parametrize(
    'concat_stage, expected',
    [
        (1, [5, 5, 3, 3, 3]),
        (2, [5, 5, 5, 3, 3]),
        (3, [5, 5, 5, 5, 3]),
    ],
)
def test_auxiliary_costs_the_shared_stages_only(concat_stage, expected):
    siamese = build(concat_stage=concat_stage)
    inputs = images(3), images(2, seed=2), [0, 2]
    assert batches_seen(siamese, *inputs) == expected


def test_rows_without_partner_stay_unfused():
    siamese = build()
    main, auxiliary = images(3), images(2, seed=2)
    mixed = siamese(main, auxiliary, rows=[2, 0])
    alone = siamese(main)
    fused = siamese(main[[2, 0]], auxiliary)
    for m, a, f in zip(mixed, alone, fused):
        torch.testing.assert_close(m[1], a[1])
        torch.testing.assert_close(m[[2, 0]], f)


def test_all_rows_named_in_another_order():
    siamese = build()
    main, auxiliary = images(2), images(2, seed=2)
    out = siamese(main, auxiliary, rows=[1, 0])
    expected = siamese(main, auxiliary.flip(0))
    for o, e in zip(out, expected):
        torch.testing.assert_close(o, e)


def test_gradients_reach_both_inputs_and_all_weights():
    siamese = build()
    main, auxiliary = images(2).requires_grad_(), images(1).requires_grad_()
    sum(out.square().mean() for out in siamese(main, auxiliary, [1])).backward()
    assert main.grad.abs().amax((1, 2, 3)).min() > 0
    assert auxiliary.grad.abs().max() > 0
    for name, weight in siamese.named_parameters():
        assert weight.grad is not None and weight.grad.abs().max() > 0, name


def test_wrong_numbers_are_explained():
    siamese = build()
    with pytest.raises(ValueError, match='2 auxiliary images for 3 main'):
        siamese(images(3), images(2))
    with pytest.raises(ValueError, match='concat_stage: 4; expected 1 to 3'):
        build(concat_stage=4)


def test_arguments_are_not_changed():
    before = copy.deepcopy(EXTRA)
    build()
    assert EXTRA == before
