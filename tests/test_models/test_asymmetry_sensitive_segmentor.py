"""The segmentor of NaFV-Net: its equations, its views and what it learns."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import PixelData
from torch.nn import functional as F

from mammo_plugins.models import (
    AsymmetryEncoder,
    AsymmetryGate,
    AsymmetrySensitiveSegmentor,
    AttentionLayer,
    UNetSegmentor,
    ViewTransformer,
)
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

VIEWS = ('RCC', 'LCC', 'RMLO', 'LMLO')
SIZE = (32, 24)


def exam(num=2, seed=0):
    generator = torch.manual_seed(seed)
    return {name: torch.rand(num, 1, *SIZE, generator=generator) for name in VIEWS}


def segmentor(**settings):
    torch.manual_seed(0)
    preprocessor = dict(
        type='mammo.MultiViewDataPreprocessor', num_channels=1, mean=0.0, std=1.0
    )
    return AsymmetrySensitiveSegmentor(
        **dict(
            dict(
                num_tokens=12,
                channels=(8, 16, 16),
                embed_dims=16,
                num_layers=2,
                num_heads=2,
                data_preprocessor=preprocessor,
            ),
            **settings,
        )
    ).eval()


def samples(masses, num=2):
    """With a square mass in the views that are named."""
    found = []
    for _ in range(num):
        sample = MultiViewDataSample()
        for name in VIEWS:
            target = torch.zeros(1, *SIZE, dtype=torch.long)
            if name in masses:
                target[:, 8:16, 4:12] = 1
            sample.set_data(
                {
                    name: DetDataSample(
                        metainfo=dict(img_shape=SIZE),
                        gt_sem_seg=PixelData(sem_seg=target),
                    )
                }
            )
        found.append(sample)
    return found


def test_gate_is_that_of_the_paper():
    """Eqs. 1 and 2, term by term."""
    torch.manual_seed(0)
    gate = AsymmetryGate(3)
    side, other = torch.rand(2, 2, 5, 7, 6)
    average = other.sum(dim=1, keepdim=True) / 5
    attention = torch.sigmoid(
        F.conv2d(average, gate.conv.weight, gate.conv.bias, padding=1)
    )
    assert attention.shape == (2, 1, 7, 6)
    torch.testing.assert_close(gate(side, other), side * attention)


def test_encoder_passes_gated_features_on():
    """And concatenates gated and ungated ones at the end (eq. 3)."""
    torch.manual_seed(0)
    encoder = AsymmetryEncoder(1, (8, 16, 16)).eval()
    side, other = torch.rand(2, 2, 1, *SIZE)
    one, two, three = encoder(side, other)
    assert [f.shape[1:] for f in (one, two, three)] == [
        (8, 16, 12),
        (16, 8, 6),
        (32, 4, 3),
    ]
    plain, opposite = encoder.blocks[0](side), encoder.blocks[0](other)
    torch.testing.assert_close(one, encoder.gates[0](plain, opposite))
    plain, opposite = encoder.blocks[1](one), encoder.blocks[1](opposite)
    torch.testing.assert_close(two, encoder.gates[1](plain, opposite))
    plain, opposite = encoder.blocks[2](two), encoder.blocks[2](opposite)
    torch.testing.assert_close(
        three, torch.cat([plain, encoder.gates[2](plain, opposite)], dim=1)
    )


def test_attention_layer():
    """Eqs. 5 and 6 with attention written out."""
    torch.manual_seed(0)
    layer = AttentionLayer(8, 2).eval()
    query, source = torch.rand(2, 1, 5, 8)
    weight, bias = layer.attention.in_proj_weight, layer.attention.in_proj_bias
    q, k, v = (
        F.linear(layer.norm1(x), w, b)
        for x, w, b in zip((query, source, source), weight.chunk(3), bias.chunk(3))
    )
    heads = []
    for part in range(2):
        cut = slice(4 * part, 4 * part + 4)
        share = (q[0, :, cut] @ k[0, :, cut].T / 2).softmax(dim=1)
        heads.append(share @ v[0, :, cut])
    hat = query + layer.attention.out_proj(torch.cat(heads, dim=1))[None]
    expected = layer.mlp(layer.norm2(hat)) + hat
    torch.testing.assert_close(layer(query, source), expected)


def test_lambdas_weigh_both_attentions():
    """Eq. 7; each part runs through its own layers."""
    torch.manual_seed(0)
    mixer = ViewTransformer(6, 8, num_tokens=12, num_layers=2, num_heads=2).eval()
    cc, mlo = torch.rand(2, 2, 6, 4, 3)
    found = {}
    for part in ('self', 'cross'):
        with torch.no_grad():
            for name, weight in mixer.weights.items():
                weight.fill_(float(name == part))
        found[part] = mixer(cc, mlo)
    with torch.no_grad():
        mixer.weights['self'].fill_(0.3)
        mixer.weights['cross'].fill_(-1.2)
    for k, both in enumerate(mixer(cc, mlo)):
        torch.testing.assert_close(
            both, 0.3 * found['self'][k] - 1.2 * found['cross'][k]
        )
    # self-attention sees its own projection alone, cross-attention the other
    other = torch.rand_like(mlo)
    with torch.no_grad():
        mixer.weights['cross'].fill_(0.0)
    torch.testing.assert_close(mixer(cc, mlo)[0], mixer(cc, other)[0])
    with torch.no_grad():
        mixer.weights['cross'].fill_(1.0)
    assert (mixer(cc, mlo)[0] - mixer(cc, other)[0]).abs().max() > 1e-4
    with pytest.raises(ValueError, match='num_tokens'):
        mixer(cc[..., :2], mlo[..., :2])


def test_sides_are_exchangeable():
    model, images = segmentor(), exam()
    found = model(images)
    assert list(found) == ['RCC', 'LCC', 'RMLO', 'LMLO']
    assert all(part.shape == (2, 1, *SIZE) for part in found.values())
    swapped = model(
        {name: images[{'R': 'L', 'L': 'R'}[name[0]] + name[1:]] for name in VIEWS}
    )
    for name in VIEWS:
        torch.testing.assert_close(
            swapped[{'R': 'L', 'L': 'R'}[name[0]] + name[1:]], found[name]
        )


@pytest.mark.parametrize(
    'settings, seen',
    [
        ({}, {'RCC', 'LCC', 'RMLO', 'LMLO'}),
        (dict(gated=False), {'RCC', 'RMLO'}),
        (dict(attentions=('self',)), {'RCC', 'LCC'}),
        (dict(attentions=()), {'RCC', 'LCC'}),
        (dict(gated=False, attentions=()), {'RCC'}),
    ],
)
def test_what_a_view_is_seen_with(settings, seen):
    """Rows of table 3: gates bring the other side, cross-attention the other view."""
    model, images = segmentor(**settings), exam()
    for name in VIEWS:
        images[name].requires_grad_()
    model(images)['RCC'].sum().backward()
    assert {
        name
        for name in VIEWS
        if images[name].grad is not None and images[name].grad.abs().sum() > 0
    } == seen


def test_losses():
    """Cross entropy over known pixels, Dice over views with a mass."""
    model, images = segmentor(), exam()
    given = samples(['RCC', 'RMLO'])
    given[0].LCC.gt_sem_seg.sem_seg[:, :5] = 255
    losses = model(images, given, mode='loss')
    logits = model.logits(images)
    total, count, dice = 0.0, 0, []
    for name in VIEWS:
        for i, sample in enumerate(given):
            target = sample.get(name).gt_sem_seg.sem_seg[0]
            known = target != 255
            p = logits[name][i, 0].sigmoid()
            right = torch.where(target == 1, p, 1 - p)[known]
            total, count = total - right.log().sum(), count + int(known.sum())
            if (target == 1).any():
                dice.append(
                    1
                    - (2 * p[target == 1].sum() + 1e-3)
                    / (p.sum() + (target == 1).sum() + 1e-3)
                )
    assert len(dice) == 4
    torch.testing.assert_close(losses['loss_bce'], total / count)
    torch.testing.assert_close(losses['loss_dice'], sum(dice) / 4)
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.parameters())
    normal = model(images, samples([]), mode='loss')
    assert normal['loss_dice'] == 0 and normal['loss_bce'] > 0


@pytest.mark.parametrize('model', ['asymmetry', 'unet'])
def test_it_learns_and_tells_the_side(model):
    """A bright square in the right breast, which has none in the left."""
    images, given = exam(), samples(['RCC', 'RMLO'])
    for name in ('RCC', 'RMLO'):
        images[name][:, :, 8:16, 4:12] += 0.7
    if model == 'asymmetry':
        net = segmentor()
    else:
        torch.manual_seed(0)
        net = UNetSegmentor(
            base_channels=8,
            num_levels=3,
            data_preprocessor=dict(
                type='mammo.MultiViewDataPreprocessor',
                num_channels=1,
                mean=0.0,
                std=1.0,
            ),
        )
    with torch.no_grad():  # masses are rare at first
        first = torch.cat(list(net(images).values())).sigmoid()
    assert first.quantile(0.1) > 0.003 and first.quantile(0.9) < 0.03
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(60):
        optimizer.zero_grad()
        sum(net(images, given, mode='loss').values()).backward()
        optimizer.step()
    with torch.no_grad():
        found = net(images, given, mode='predict')
    for sample in found:
        assert sample.affected_side == 'R'
        mass = sample.RCC.pred_sem_seg.sem_seg[0] == 1
        target = sample.RCC.gt_sem_seg.sem_seg[0] == 1
        assert 2 * (mass & target).sum() / (mass.sum() + target.sum()) > 0.7
        assert sample.LCC.pred_sem_seg.sem_seg.sum() < 20


def test_neither_side():
    net = segmentor()
    with torch.no_grad():
        net.decoder.logits.weight.zero_()
        net.decoder.logits.bias.fill_(-5.0)
        found, _ = net(exam(), samples([]), mode='predict')
    assert found.affected_side is None
    assert found.LMLO.pred_sem_seg.probability.shape == (1, *SIZE)
