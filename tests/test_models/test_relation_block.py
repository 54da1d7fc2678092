"""The relation block against its equations, RoI by RoI and by hand."""

import math

import pytest
import torch
from mmdet.structures import DetDataSample

from mammo_plugins.models.layers import (
    IpsilateralRelationBlock,
    embed_geometry,
    length_factors,
    nipple_geometry,
    shape_location_geometry,
)


def make_block(geometry_channels=12, **kwargs):
    torch.manual_seed(0)
    block = IpsilateralRelationBlock(
        in_channels=6,
        num_heads=3,
        key_channels=4,
        geometry_channels=geometry_channels,
        **kwargs,
    )
    for parameter in block.parameters():  # so that everything matters
        torch.nn.init.normal_(parameter, std=0.7)
    return block


def by_hand(block, main, auxiliary, embedding):
    """Eq. 1 and Hu et al.'s eqs. 2, 3, 5 and 6, one pair of RoIs at a time."""
    heads, size, key = 3, 2, 4

    def mapped(layer, x, rows):
        return layer.weight[rows] @ x + layer.bias[rows]

    out = main.clone()
    for head in range(heads):
        keys = slice(head * key, (head + 1) * key)
        values = slice(head * size, (head + 1) * size)
        for i in range(len(main)):
            query = mapped(block.main_key, main[i], keys)
            shares = []
            for j in range(len(auxiliary)):
                w_appearance = (
                    mapped(block.aux_key, auxiliary[j], keys) @ query / math.sqrt(key)
                )
                w_geometry = max(
                    float(mapped(block.geometry_weight, embedding[i, j], head)), 1e-6
                )
                shares.append(w_geometry * math.exp(w_appearance))
            total = sum(shares)
            if block.none_key is not None:
                total += math.exp(
                    block.none_log_weight[head]
                    + block.none_key[keys] @ query / math.sqrt(key)
                )
            for j, share in enumerate(shares):
                out[i, values] += (
                    share / total * mapped(block.aux_value, auxiliary[j], values)
                )
    return out


@torch.no_grad()
@pytest.mark.parametrize('none_key', [False, True])
def test_block_is_its_equations(none_key):
    block = make_block(none_key=none_key)
    main, auxiliary = torch.randn(5, 6), torch.randn(4, 6)
    embedding = embed_geometry(torch.randn(5, 4, 3), channels=4)
    weights = block.geometry_weight(embedding)
    assert (weights > 0).any() and (weights < 0).any()
    torch.testing.assert_close(
        block(main, auxiliary, embedding),
        by_hand(block, main, auxiliary, embedding),
        atol=1e-5,
        rtol=1e-5,
    )


@torch.no_grad()
def test_a_roi_without_partner_takes_over_nothing_with_a_none_key():
    main, auxiliary = torch.randn(5, 6), torch.randn(4, 6)
    for none_key in (False, True):
        block = make_block(none_key=none_key)
        block.geometry_weight.bias.fill_(-1e4)  # geometry forbids all
        if none_key:
            block.none_key.zero_()
            block.none_log_weight.zero_()
        change = block(main, auxiliary, torch.randn(5, 4, 12)) - main
        assert (change.abs().max() < 1e-3) == none_key


@torch.no_grad()
def test_the_none_key_starts_at_a_fifth():
    torch.manual_seed(0)
    block = IpsilateralRelationBlock(64, num_heads=16, key_channels=8, none_key=True)
    block.init_weights()
    block.aux_value.weight.zero_()
    block.aux_value.bias.fill_(1.0)  # the sum of the weights is what is added
    boxes = []
    for number in (50, 300):
        corners = torch.rand(number, 2) * torch.tensor([50.0, 100.0])
        boxes.append(torch.cat([corners, corners + 2 + 13 * torch.rand(number, 2)], 1))
    geometry = nipple_geometry(boxes[0], (50.0, 50.0), boxes[1], (50.0, 50.0))
    main = torch.randn(50, 64)
    added = block(main, torch.randn(300, 64), embed_geometry(geometry)) - main
    assert 0.1 < 1 - float(added.mean()) < 0.35


@pytest.mark.parametrize('none_key', [False, True])
def test_block_gradients(none_key):
    block = make_block(none_key=none_key).double()
    main = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    auxiliary = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    embedding = embed_geometry(torch.randn(3, 4, 3, dtype=torch.float64), 4)
    names, weights = zip(*block.named_parameters())

    def run(main, auxiliary, *weights):
        return torch.func.functional_call(
            block, dict(zip(names, weights)), (main, auxiliary, embedding)
        )

    assert torch.autograd.gradcheck(run, (main, auxiliary, *weights))


@torch.no_grad()
def test_order_of_rois_does_not_matter():
    block = make_block()
    main, auxiliary = torch.randn(5, 6), torch.randn(7, 6)
    embedding = torch.randn(5, 7, 12)
    wanted = block(main, auxiliary, embedding)
    rows, columns = torch.randperm(5), torch.randperm(7)
    found = block(main[rows], auxiliary[columns], embedding[rows][:, columns])
    torch.testing.assert_close(found, wanted[rows])


@torch.no_grad()
def test_geometry_that_forbids_all_leaves_appearance():
    block = make_block()
    main, auxiliary = torch.randn(5, 6), torch.randn(4, 6)
    block.geometry_weight.weight.zero_()
    block.geometry_weight.bias.zero_()
    alike = block(main, auxiliary, torch.randn(5, 4, 12))
    block.geometry_weight.weight.fill_(-1.0)
    found = block(main, auxiliary, torch.rand(5, 4, 12) * 1e4)
    assert found.isfinite().all()
    torch.testing.assert_close(found, alike)


@torch.no_grad()
def test_geometry_chooses_the_partner():
    """A pair that alone has weight takes all of the attention."""
    block = make_block(geometry_channels=1)
    block.geometry_weight.weight.fill_(1.0)
    block.geometry_weight.bias.zero_()
    main, auxiliary = torch.randn(2, 6), 0.1 * torch.randn(3, 6)
    embedding = torch.full((2, 3, 1), -1.0)
    embedding[0, 2] = embedding[1, 0] = 5.0
    found = block(main, auxiliary, embedding)
    wanted = main + block.aux_value(auxiliary[[2, 0]])
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


@torch.no_grad()
def test_half_precision():
    block = make_block()
    main, auxiliary = torch.randn(5, 6), torch.randn(4, 6)
    embedding = torch.randn(5, 4, 12)
    wanted = block(main, auxiliary, embedding)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = block(main, auxiliary, embedding)
    torch.testing.assert_close(found.float(), wanted, atol=0.1, rtol=0.1)


@torch.no_grad()
def test_small_weights_keep_their_ratio_in_half_precision():
    """Logarithms near -11 are 0.06 apart in bfloat16, which is 6% of a weight."""
    block = make_block(geometry_channels=1)
    for layer in (block.main_key, block.geometry_weight):
        layer.weight.zero_()
        layer.bias.zero_()
    block.geometry_weight.weight.fill_(1.0)
    block.aux_value.weight.copy_(torch.eye(6))
    block.aux_value.bias.zero_()
    weights = torch.linspace(1e-5, 2e-5, 8)
    values = torch.eye(8)[:, :6]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = block(torch.zeros(1, 6), values, weights[None, :, None])
    torch.testing.assert_close(
        found[0].float(), weights[:6] / weights.sum(), rtol=1e-4, atol=0
    )


def test_heads_must_divide_channels():
    with pytest.raises(ValueError, match='not a multiple of num_heads 4'):
        IpsilateralRelationBlock(in_channels=6, num_heads=4)


def test_block_starts_close_to_the_identity():
    torch.manual_seed(0)
    block = IpsilateralRelationBlock(in_channels=64, num_heads=4)
    block.init_weights()
    assert float(block.aux_value.weight.detach().std()) == pytest.approx(0.01, rel=0.05)
    main = torch.randn(3, 64)
    with torch.no_grad():
        change = block(main, torch.randn(20, 64), torch.randn(3, 20, 48)) - main
    assert 0 < float(change.norm()) < 0.1 * float(main.norm())


def test_embedding_closed_form():
    values = torch.tensor([[0.0, math.log(2)], [-1.0, 3.0]], dtype=torch.float64)
    found = embed_geometry(values, channels=6, wave_length=1000.0)
    assert found.shape == (2, 12)
    for row in range(2):
        for g in range(2):
            for k in range(3):
                phase = 100 * float(values[row, g]) / 1000 ** (2 * k / 6)
                at = 6 * g + k
                assert float(found[row, at]) == pytest.approx(math.sin(phase), abs=1e-9)
                assert float(found[row, at + 3]) == pytest.approx(
                    math.cos(phase), abs=1e-9
                )


def test_nipple_geometry_by_hand():
    main = torch.tensor([[20.0, 30.0, 40.0, 70.0]])  # centre (30, 50), 20 x 40
    aux = torch.tensor(
        [
            [0.0, 0.0, 10.0, 10.0],  # centre (5, 5), 10 x 10
            [95.0, 5.0, 105.0, 25.0],
        ]
    )  # centre (100, 15), 10 x 20
    found = nipple_geometry(main, (60.0, 90.0), aux, (100.0, 15.0))
    d = 50.0  # of 30 and 40
    wanted = [
        [
            [math.log(d / math.hypot(95, 10)), math.log(2), math.log(4)],
            [math.log(d / 1), math.log(2), math.log(2)],
        ]
    ]  # 0 counts as 1
    torch.testing.assert_close(found, torch.tensor(wanted))


def test_shape_location_geometry_by_hand():
    main = torch.tensor([[20.0, 30.0, 40.0, 70.0]])
    aux = torch.tensor([[0.0, 0.0, 10.0, 10.0], [25.0, 20.0, 35.0, 80.0]])
    found = shape_location_geometry(main, aux)
    wanted = [
        [
            [math.log(25 / 20), math.log(45 / 40), math.log(0.5), math.log(0.25)],
            [math.log(1e-3), math.log(1e-3), math.log(0.5), math.log(1.5)],
        ]
    ]
    torch.testing.assert_close(found, torch.tensor(wanted))


@pytest.mark.parametrize(
    'geometry',
    [
        lambda boxes: nipple_geometry(boxes, (5.0, 5.0), boxes, (5.0, 5.0)),
        lambda boxes: shape_location_geometry(boxes, boxes),
    ],
)
def test_degenerate_boxes_are_finite(geometry):
    boxes = torch.tensor([[5.0, 5.0, 5.0, 5.0], [0.0, 0.0, 3000.0, 1500.0]])
    assert geometry(boxes).isfinite().all()


def meta(**facts):
    return DetDataSample(metainfo=facts).metainfo


def test_lengths_in_mm():
    main = meta(scale_factor=(0.5, 0.25), pixel_spacing_mm=(0.1, 0.2))
    aux = meta(scale_factor=(1.0, 1.0), pixel_spacing_mm=(0.05, 0.05))
    found = length_factors(main, aux)
    # an input pixel is 2 file pixels of 0.2 mm wide, and 4 of 0.1 mm high
    assert found[0] == pytest.approx((0.4, 0.4))
    assert found[1] == pytest.approx((0.05, 0.05))


def test_lengths_in_file_pixels_where_one_spacing_is_unknown():
    main = meta(scale_factor=(0.5, 0.25), pixel_spacing_mm=(0.1, 0.2))
    aux = meta(pixel_spacing_mm=None)
    assert length_factors(main, aux) == ((2.0, 4.0), (1.0, 1.0))


def test_a_registered_view_has_the_main_views_pixels():
    main = meta(scale_factor=(0.5, 0.5), pixel_spacing_mm=(0.1, 0.1))
    aux = meta(
        scale_factor=(1.0, 1.0), pixel_spacing_mm=(0.3, 0.3), registration='warped'
    )
    assert length_factors(main, aux) == (pytest.approx((0.2, 0.2)),) * 2


def test_geometry_does_not_depend_on_resizing():
    """The same RoIs, the auxiliary view at half the size."""
    main, aux = 300 * torch.rand(3, 4), 300 * torch.rand(2, 4)
    main[:, 2:] += 300
    aux[:, 2:] += 300
    whole = nipple_geometry(main, (9.0, 9.0), aux, (20.0, 30.0))
    factors = length_factors(
        meta(scale_factor=(1.0, 1.0)), meta(scale_factor=(0.5, 0.5))
    )
    half = nipple_geometry(
        main * factors[0][0], (9.0, 9.0), aux / 2 * factors[1][0], (20.0, 30.0)
    )
    torch.testing.assert_close(whole, half)
