"""The asymmetric transformer against section 2.1 written out."""

import math

import pytest
import torch
from torch import nn

from mammo_plugins.models import (
    AsymmetricTransformer,
    AsymmetricTransformerBlock,
    sine_positions,
)


def pair(channels=16, size=(3, 2), seed=0):
    generator = torch.manual_seed(seed)
    return [torch.randn(2, channels, *size, generator=generator) for _ in range(2)]


@pytest.mark.parametrize('attentions', [('self', 'cross'), ('cross',), ('self',)])
def test_exchanged_sides_exchange_the_outputs(attentions):
    torch.manual_seed(0)
    neck = AsymmetricTransformer(16, num_layers=3, attentions=attentions)
    right, left = pair()
    one, two = neck(right, left), neck(left, right)
    torch.testing.assert_close(one[0], two[1], atol=1e-5, rtol=0)
    torch.testing.assert_close(one[1], two[0], atol=1e-5, rtol=0)
    assert one[0].shape == right.shape
    assert (one[0] - one[1]).abs().max() > 1e-3


def by_loop(block, own, other, positions):
    """One side of one block, head by head and query by query."""
    own_n, other_n = block.norm(own), block.norm(other)
    channels, heads = own.shape[-1], block.num_heads
    size = channels // heads

    def project(tokens, part):
        if part == 'value':
            return tokens @ block.value.weight.T + block.value.bias
        rows = slice(0, channels) if part == 'query' else slice(channels, None)
        return (tokens + positions) @ block.query_key.weight[
            rows
        ].T + block.query_key.bias[rows]

    def attend(from_other):
        source = other_n if from_other else own_n
        query = project(own_n, 'query')
        key, value = project(source, 'key'), project(source, 'value')
        result = torch.zeros_like(own)
        for n in range(len(own)):
            for h in range(heads):
                c = slice(h * size, (h + 1) * size)
                for i in range(own.shape[1]):
                    scores = torch.stack(
                        [
                            query[n, i, c] @ key[n, j, c] / math.sqrt(size)
                            for j in range(own.shape[1])
                        ]
                    )
                    result[n, i, c] = scores.softmax(0) @ value[n, :, c]
        return result

    parts = [own_n] + [attend(kind == 'cross') for kind in block.attentions]
    return own + block.fuse(torch.cat(parts, 2))


@pytest.mark.parametrize('attentions', [('self', 'cross'), ('cross',)])
def test_block_equals_the_definition(attentions):
    torch.manual_seed(1)
    block = AsymmetricTransformerBlock(8, num_heads=2, attentions=attentions)
    right, left = torch.randn(2, 2, 5, 8)
    positions = sine_positions(5, 1, 8)
    found = block(right, left, positions)
    torch.testing.assert_close(found[0], by_loop(block, right, left, positions))
    torch.testing.assert_close(found[1], by_loop(block, left, right, positions))


def test_agrees_with_torchs_multi_head_attention():
    torch.manual_seed(2)
    block = AsymmetricTransformerBlock(8, num_heads=4, attentions=('cross',))
    reference = nn.MultiheadAttention(8, 4, batch_first=True)
    with torch.no_grad():
        reference.in_proj_weight.copy_(
            torch.cat([block.query_key.weight, block.value.weight])
        )
        reference.in_proj_bias.copy_(
            torch.cat([block.query_key.bias, block.value.bias])
        )
        reference.out_proj.weight.copy_(torch.eye(8))
        reference.out_proj.bias.zero_()
        block.fuse = nn.Identity()  # what goes into the feed-forward network
        own, other = torch.randn(2, 1, 6, 8)
        normed = block.norm(torch.cat([own, other]))
        attended, _ = reference(normed[:1], normed[1:], normed[1:])
        torch.testing.assert_close(
            block._attend(
                *(
                    x.unflatten(2, (4, 2)).transpose(1, 2)
                    for x in (
                        block.query_key(normed[:1])[..., :8],
                        block.query_key(normed[1:])[..., 8:],
                        block.value(normed[1:]),
                    )
                )
            ),
            attended,
        )


def test_positions_stay_out_of_the_features():
    """What is alike everywhere stays so: no pattern of places in the output."""
    torch.manual_seed(3)
    neck = AsymmetricTransformer(16, num_layers=2)
    flat = torch.randn(2, 1, 16, 1, 1).expand(-1, -1, -1, 4, 3)
    for side in neck(*flat):
        assert side.flatten(2).std(dim=2).max() < 1e-5


def test_places_matter():
    """The mirror image is found: moving the other side's spot changes the output."""
    torch.manual_seed(4)
    neck = AsymmetricTransformer(16, num_layers=1, init_cfg=None)
    right, left = torch.zeros(1, 16, 4, 3), torch.zeros(1, 16, 4, 3)
    right[:, :8, 1, 1], left[:, :8, 1, 1] = 3.0, 3.0
    moved = left.roll(1, 3)
    assert (neck(right, left)[0] - neck(right, moved)[0]).abs().max() > 1e-4


def test_places_are_told_apart():
    embedding = sine_positions(4, 5, 16)
    assert embedding.shape == (20, 16)
    distances = torch.cdist(embedding, embedding) + 9 * torch.eye(20)
    assert distances.min() > 0.1
    # row 2, column 3; the first wave of each half is the plain angle
    assert embedding[13, 0] == pytest.approx(math.sin(2), abs=1e-6)
    assert embedding[13, 8] == pytest.approx(math.sin(3), abs=1e-6)
    assert embedding[13, 4] == pytest.approx(math.cos(2), abs=1e-6)


def test_paper_size_runs():
    """512 channels at a thirty-second of 1024 x 512, twelve blocks."""
    neck = AsymmetricTransformer(512)
    assert len(neck.layers) == 12 and neck.layers[0].num_heads == 8
    with torch.no_grad():
        right, left = neck(torch.rand(1, 512, 32, 16), torch.rand(1, 512, 32, 16))
    assert right.shape == left.shape == (1, 512, 32, 16)


def test_mistakes():
    with pytest.raises(ValueError, match='heads'):
        AsymmetricTransformerBlock(10, num_heads=4)
    with pytest.raises(ValueError, match='attentions'):
        AsymmetricTransformer(16, attentions=('contralateral',))
    with pytest.raises(ValueError, match='one size'):
        AsymmetricTransformer(16, 1)(torch.rand(1, 16, 2, 2), torch.rand(1, 16, 2, 3))
    with pytest.raises(ValueError, match='multiple of 4'):
        sine_positions(2, 2, 6)
