"""The stages of NaFV-Net's classifier."""

import pytest
import torch
from torch import nn

from mammo_plugins.models import (
    FourViewMixer,
    MedConvBlock,
    MedCrossTransformerBlock,
    MedTransformerBlock,
)

NAMES = ('affected CC', 'affected MLO', 'unaffected CC', 'unaffected MLO')


def mixer(**settings):
    torch.manual_seed(0)
    net = FourViewMixer(
        **dict(
            dict(in_channels=6, channels=(8, 8, 16), num_blocks=(1, 2, 1), num_heads=2),
            **settings,
        )
    )
    net.init_weights()
    return net.eval()


def views(num=2):
    torch.manual_seed(1)
    return {name: torch.rand(num, 6, 8, 6) for name in NAMES}


def test_blocks_keep_shapes_and_only_transformers_see_far():
    torch.manual_seed(0)
    x = torch.rand(1, 8, 12, 12, requires_grad=True)
    for block, far in ((MedConvBlock(8, 2), False), (MedTransformerBlock(8, 2), True)):
        out = block.eval()(x)
        assert out.shape == x.shape
        (gradient,) = torch.autograd.grad(out[0, :, 0, 0].sum(), x)
        assert (gradient[..., 11, 11].abs().sum() > 0) == far
        assert not any(
            isinstance(m, nn.MultiheadAttention) for m in block.modules()
        ) == (not far)


def test_cross_block_with_itself_is_the_transformer_block():
    torch.manual_seed(0)
    cross, plain = MedCrossTransformerBlock(8, 2).eval(), MedTransformerBlock(8, 2)
    plain.load_state_dict(cross.state_dict())
    x, other = torch.rand(2, 2, 8, 6, 6)
    torch.testing.assert_close(cross(x, x), plain.eval()(x))
    assert (cross(x, other) - cross(x, x)).abs().max() > 1e-4
    assert cross(x, other[..., :3]).shape == x.shape


def test_keys_and_values_are_averaged():
    """With a reduction a shuffle within each cell of the other view changes nothing."""
    torch.manual_seed(0)
    cross = MedCrossTransformerBlock(8, 2, reduction=2).eval()
    x, other = torch.rand(2, 1, 8, 6, 6)
    swapped = other.unflatten(2, (3, 2)).flip(3).flatten(2, 3)
    torch.testing.assert_close(cross(x, other), cross(x, swapped))


def test_attention_knows_where_it_looks():
    """The other view's places in another order are another view."""
    torch.manual_seed(0)
    cross = MedCrossTransformerBlock(16, 2).eval()
    x, other = torch.rand(2, 1, 16, 6, 6)
    scrambled = other.flatten(2)[..., torch.randperm(36)].unflatten(2, (6, 6))
    assert (cross(x, other) - cross(x, scrambled)).abs().max() > 1e-3
    # by nothing else
    cross.attention.position.forward = lambda mask, part: torch.zeros_like(part)
    torch.testing.assert_close(cross(x, other), cross(x, scrambled))


def test_attention_can_find_the_mirrored_place():
    """Where queries and keys are positions alone, a place looks at its own most."""
    attention = MedCrossTransformerBlock(64, 1).attention
    for shape in ((6, 5), (12, 9)):
        queries, keys = (
            attention.position(None, torch.zeros(1, 32, *size))[0].flatten(1)
            for size in ((6, 5), shape)
        )
        nearest = (queries.T @ keys).argmax(dim=1)
        for place, found in enumerate(nearest.tolist()):
            y, x = divmod(place, 5)
            v, u = divmod(found, shape[1])
            assert abs((y + 1) / 6 - (v + 1) / shape[0]) <= 0.5 / 6
            assert abs((x + 1) / 5 - (u + 1) / shape[1]) <= 0.5 / 5


def test_channels_that_positions_do_not_fit():
    with pytest.raises(ValueError, match='MedTransformerBlock.channels: 12; expected'):
        MedTransformerBlock(12, 2)


@pytest.mark.parametrize('four', [True, False])
def test_what_the_prediction_hangs_on(four):
    net, given = mixer(four_views=four), views()
    for value in given.values():
        value.requires_grad_()
    out = net(given)
    assert out.shape == (2, net.out_channels) == (2, 32)
    out[0].sum().backward()
    for name, value in given.items():
        seen = value.grad is not None and value.grad[0].abs().sum() > 0
        assert seen == (four or 'unaffected' not in name)
        assert value.grad is None or value.grad[1].abs().sum() == 0  # other patients


def test_views_cross_as_the_paper_has_it():
    """Stage 2 by projection within a side, stage 3 by side within a projection."""
    net, given = mixer(), views()
    sides = {name: name for name in NAMES}
    assert net._partners(0) == {}
    second, third = net._partners(1), net._partners(2)
    assert set(second) == set(third) == set(sides)
    for name in NAMES:
        side, projection = name.split()
        other_side, other_projection = second[name].split()
        assert other_side == side and other_projection != projection
        other_side, other_projection = third[name].split()
        assert other_side != side and other_projection == projection
    # without the last crossing the other side is not seen
    net.stages[2].cross = None
    changed = dict(given, **{'unaffected CC': torch.rand(2, 6, 8, 6)})
    torch.testing.assert_close(net(given), net(changed))


def test_every_part_is_trained():
    net = mixer().train()
    net(views()).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    with pytest.raises(ValueError, match='three each'):
        mixer(num_blocks=(1, 1))
