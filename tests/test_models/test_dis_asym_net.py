"""DisAsymNet against section 2 written out."""

import copy

import pytest
import torch

import mammo_plugins  # noqa: F401 isort: skip (bridges mmcv.ops)
from mmdet.structures import DetDataSample
from mmengine.optim import OptimWrapper
from torch.nn import functional as F

from mammo_plugins.registry import MODELS
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

SIZE = (64, 48)


def build(asyd=True, neck=True, **settings):
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(
            dict(
                dict(
                    type='DisAsymNet',
                    num_channels=1,
                    asyc=dict(
                        type='AsymmetryClassifier',
                        in_channels=64,
                        encoder=dict(
                            type='mmpretrain.ResNet',
                            depth=18,
                            in_channels=1,
                            stem_channels=8,
                            base_channels=8,
                            out_indices=(0, 1, 2, 3),
                        ),
                        neck=dict(
                            type='AsymmetricTransformer', in_channels=64, num_layers=2
                        )
                        if neck
                        else None,
                    ),
                    asyd=dict(
                        type='DisentanglingDecoder',
                        in_channels=(8, 16, 32, 64),
                        channels=4,
                    )
                    if asyd
                    else None,
                ),
                **settings,
            )
        )
        model.init_weights()
    if asyd:  # from nought, normal and abnormal images would be alike
        torch.nn.init.normal_(model.asyd.last[0].weight, std=0.2)
        torch.nn.init.normal_(model.asyd.last[0].bias, std=0.2)
    with torch.no_grad():  # so that heat maps have places of both signs
        model.eval()
        model.asyc.abnormal_head.bias -= model.classify(
            *batch()['inputs'].values()
        ).activation.mean()
    return model.train()


def batch(labels=((0, 0), (1, 0), (1, 1)), fakes=(), seed=0):
    """Pairs with (right, left) labels; lesions inserted into those of ``fakes``."""
    generator = torch.manual_seed(seed)
    inputs = {
        side: torch.rand(len(labels), 1, *SIZE, generator=generator) for side in 'RL'
    }
    samples = []
    for i, of_sides in enumerate(labels):
        sample = MultiViewDataSample()
        for side, label in zip('RL', of_sides):
            view = DetDataSample(metainfo=dict(gt_label=label))
            if i in fakes:
                view.clean_img = torch.rand(1, *SIZE, generator=generator)
            sample.set_data({side: view})
        sample.gt_label = torch.tensor([int(any(of_sides))])
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def l_cls(feats, abnormal, asymmetric):
    """Section 2.1, with the probabilities written out."""

    def bce(logits, labels):
        p = logits.sigmoid()
        return -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()

    return bce(feats.asymmetric, asymmetric) + bce(feats.abnormal, abnormal)


def test_exchanged_sides_exchange_the_predictions():
    model = build().eval()
    data = batch()
    exchanged = dict(
        inputs=dict(R=data['inputs']['L'], L=data['inputs']['R']),
        data_samples=copy.deepcopy(data['data_samples']),
    )
    with torch.no_grad():
        ours = model(**data, mode='predict')
        theirs = model(**exchanged, mode='predict')
    for one, two in zip(ours, theirs):
        torch.testing.assert_close(one.pred_score, two.pred_score, atol=1e-5, rtol=0)
        for name in ('pred_score', 'heat_map', 'normal_img', 'abnormal_img'):
            torch.testing.assert_close(
                one.R.get(name), two.L.get(name), atol=1e-5, rtol=0
            )
        assert one.R.heat_map.shape == one.R.normal_img.shape == SIZE
        assert one.R.pred_label.item() == one.R.pred_score.argmax()


@pytest.mark.parametrize('fakes', [(), (0,)])
def test_losses_equal_section_2(fakes):
    model = build()
    model.eval()  # so that batch statistics do not hide what is what
    data = batch(fakes=fakes)
    losses = model(**data, mode='loss')
    seen = [data['inputs'][side] for side in 'RL']
    real = [x.clone() for x in seen]
    for i in fakes:
        for k, side in enumerate('RL'):
            real[k][i] = data['data_samples'][i].get(side).clean_img
    abnormal = torch.tensor([0.0, 1, 1, 0, 0, 1])
    asymmetric = torch.tensor([0.0, 1, 1])
    feats = model.classify(*real)
    expected = dict(loss_diag=l_cls(feats, abnormal, asymmetric))
    x = torch.cat(real)
    x_n, x_ab = model.disentangle(feats, SIZE)
    m = F.interpolate(feats.heat_maps[:, None], SIZE, mode='bilinear')
    assert m.max() > 0.1 and (x_n - x_ab).abs().mean() > 0.05
    expected['loss_rec'] = 0.1 * (
        ((1 - m) * x - (1 - m) * x_n).abs().mean() + (m * x - x_ab).abs().mean()
    )
    expected['loss_dics'] = l_cls(
        model.classify(*x_n.chunk(2)), torch.zeros(6), torch.zeros(3)
    )
    expected['loss_syn'] = torch.zeros(())
    if fakes:
        rows = list(fakes)
        fake = model.classify(*(side[rows] for side in seen))
        x_n_fake, _ = model.disentangle(fake, SIZE)
        expected['loss_syn'] = (
            0.5 * (torch.cat([side[rows] for side in real]) - x_n_fake).abs().mean()
        )
    assert set(losses) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, atol=1e-5, rtol=1e-4)
    refine = model(**data, mode='refine')['loss_refine']
    torch.testing.assert_close(
        refine,
        l_cls(model.classify(*x_n.chunk(2)), abnormal, asymmetric),
        atol=1e-5,
        rtol=1e-4,
    )


def test_heat_maps():
    model = build().eval()
    feats = model.classify(*batch()['inputs'].values())
    maps = feats.heat_maps
    assert 0 < (maps > 0).float().mean() < 1
    assert (maps >= 0).all() and (maps <= 1).all()
    torch.testing.assert_close(feats.activation.mean((1, 2)), feats.abnormal)
    for activation, heat, logit in zip(feats.activation, maps, feats.abnormal):
        if activation.max() > 0:
            assert heat.max().item() == pytest.approx(logit.sigmoid().item(), rel=1e-4)
        assert (heat > 0).equal(activation > 0)
    maps.sum().backward()
    assert model.asyc.abnormal_head.weight.grad.abs().sum() > 0


def test_soft_masks_are_hams():
    """Its code upsamples, scales by minimum and maximum, takes the sigmoid."""
    model = build(soft_mask=(100.0, 0.4)).eval()
    data = batch()
    feats = model.classify(*data['inputs'].values())
    found = feats.masks(SIZE, model.soft_mask)
    expected = []
    for activation, logit in zip(feats.activation, feats.abnormal):
        large = F.interpolate(
            activation[None, None].clamp(min=0), SIZE, mode='bilinear'
        )[0, 0]
        scaled = (large - large.min()) / (large.max() - large.min())
        expected.append(logit.sigmoid() / (1 + (-100 * (scaled - 0.4)).exp()))
    expected = torch.stack(expected)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    share = expected / feats.abnormal.sigmoid()[:, None, None]
    assert ((share < 0.01) | (share > 0.99)).float().mean() > 0.8
    # L_rec goes by it; what is predicted stays graded
    x = torch.cat(list(data['inputs'].values()))
    x_n, x_ab = model.disentangle(feats, SIZE)
    m = expected[:, None]
    torch.testing.assert_close(
        model(**data, mode='loss')['loss_rec'],
        0.1 * (((1 - m) * (x - x_n)).abs().mean() + (m * x - x_ab).abs().mean()),
        atol=1e-5,
        rtol=1e-4,
    )
    assert model(**data, mode='predict')[0].R.heat_map.equal(feats.masks(SIZE)[0])
    found.sum().backward()
    assert model.asyc.abnormal_head.weight.grad.isfinite().all()
    # nothing positive, nothing hot
    feats.activation = -feats.activation.abs()
    assert feats.masks(SIZE, model.soft_mask).max() < 1e-6


def test_the_discriminator_is_held():
    model = build()
    model.train()
    before = copy.deepcopy(model.state_dict())
    images = [torch.rand(2, 1, *SIZE, requires_grad=True) for _ in range(2)]
    feats = model.discriminate(*images)
    feats.abnormal.sum().backward()
    assert all(image.grad.abs().sum() > 0 for image in images)
    assert all(p.grad is None for p in model.parameters())
    after = model.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert model.asyc.training
    # it is AsyC as it is now, and nothing of it is kept besides
    with torch.no_grad():
        model.asyc.abnormal_head.bias += 1
        moved = model.discriminate(*images).abnormal
    torch.testing.assert_close(moved, feats.abnormal + 1)
    assert not any('discriminator' in name for name in after)


def classified(images, labels, model, mode):
    """Return L_cls of normal images by L_dics's or by L_refine's function."""
    samples = batch(labels=labels)['data_samples']
    if mode == 'refine':
        model._normal = torch.stack(images)
        return model(None, samples, mode='refine')['loss_refine']
    return model._classification_loss(
        model.discriminate(*images), *model._labels(samples, images[0])
    )


@pytest.mark.parametrize('num', [1, 3])
def test_what_is_attacked_is_what_is_defended(num):
    """An image gets the same logits from both, whatever batch it is in."""
    model = build()
    for seed in range(3):  # statistics of some batches, unlike those of the next
        model(**batch(seed=seed), mode='loss')
    assert model.training
    images = list(batch(seed=9)['inputs'].values())
    of_batch = model.classify(*images).abnormal.detach()
    seen = model.discriminate(*images).abnormal.detach()
    assert (of_batch - seen).abs().max() > 1e-3
    labels = ((0, 0), (1, 0), (1, 1))[:num]
    images = [image[:num] for image in images]
    attacked, defended = (
        classified(images, labels, model, mode) for mode in ('dics', 'refine')
    )
    torch.testing.assert_close(attacked, defended, atol=1e-6, rtol=1e-6)
    assert all(part.training for part in model.asyc.modules())
    # so that an update by L_refine is one of what L_dics meets
    defended.backward()
    with torch.no_grad():
        for parameter in model.asyc.parameters():
            parameter -= 1e-4 * parameter.grad
    assert classified(images, labels, model, 'dics') < attacked


def wrapper(model, **settings):
    return OptimWrapper(torch.optim.SGD(model.parameters(), 0.1), **settings)


def test_two_updates_a_step():
    """The second objective follows the first update and leaves AsyD alone."""
    model = build()
    model.train()
    data = batch(fakes=(0,))
    by_hand = copy.deepcopy(model)
    optimizer = torch.optim.SGD(by_hand.parameters(), 0.1)
    for mode in ('loss', 'refine'):
        prepared = by_hand.data_preprocessor(copy.deepcopy(data), True)
        before = copy.deepcopy(by_hand.asyd.state_dict())
        optimizer.zero_grad()
        sum(by_hand(**prepared, mode=mode).values()).backward()
        optimizer.step()
    assert all(torch.equal(before[k], v) for k, v in by_hand.asyd.state_dict().items())
    logged = model.train_step(copy.deepcopy(data), wrapper(model))
    assert {'loss_diag', 'loss_rec', 'loss_dics', 'loss_syn', 'loss_refine'} <= set(
        logged
    )
    assert logged['loss'].item() == pytest.approx(
        sum(v.item() for k, v in logged.items() if k != 'loss'), rel=1e-5
    )
    for ours, theirs in zip(model.parameters(), by_hand.parameters()):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_running_statistics_are_of_real_images():
    model = build()
    model.train()
    data = model.data_preprocessor(batch(), True)
    model(**data, mode='loss')
    before = {k: v.clone() for k, v in model.asyc.named_buffers()}
    assert any(v.abs().max() > 0 for k, v in before.items() if 'running_mean' in k)
    model(**data, mode='refine')
    for name, buffer in model.asyc.named_buffers():
        assert torch.equal(buffer, before[name]), name


def test_gradient_accumulation():
    """With a count of 2 both objectives make one update, of their mean."""
    model = build()
    model.train()
    data = batch()
    by_hand = copy.deepcopy(model)
    prepared = by_hand.data_preprocessor(copy.deepcopy(data), True)
    for mode in ('loss', 'refine'):
        (sum(by_hand(**prepared, mode=mode).values()) / 2).backward()
    torch.optim.SGD(by_hand.parameters(), 0.1).step()
    optim = wrapper(model, accumulative_counts=2)
    optim.initialize_count_status(model, 0, 2)
    model.train_step(copy.deepcopy(data), optim)
    for ours, theirs in zip(model.parameters(), by_hand.parameters()):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize('resumed', [0, 2])
def test_gradient_accumulation_to_the_end(resumed):
    """The loop counts steps; the wrapper has two updates of each."""
    model = build()
    optim = wrapper(model, accumulative_counts=2)
    optim.initialize_count_status(model, resumed, 4)
    steps = []
    real = optim.optimizer.step
    optim.optimizer.step = lambda *a, **k: (steps.append(1), real(*a, **k))
    for step in range(resumed, 4):
        model.train_step(batch(seed=step), optim)
    assert len(steps) == 4 - resumed


def test_unknown_sides_do_not_count():
    """A pair may be asymmetric with one side known."""
    model = build(asyd=False).eval()
    data = batch(labels=((1, None), (0, 0)))
    data['data_samples'][0].gt_label = torch.tensor([1])
    found = model(**data, mode='loss')['loss_diag']
    feats = model.classify(*data['inputs'].values())
    known = feats.abnormal[[0, 1, 3]]
    expected = F.binary_cross_entropy_with_logits(
        known, torch.tensor([1.0, 0, 0])
    ) + F.binary_cross_entropy_with_logits(feats.asymmetric, torch.tensor([1.0, 0]))
    torch.testing.assert_close(found, expected)


def test_training_needs_whole_pairs():
    data = batch()
    data['inputs']['L'] = data['inputs']['L'][:2]
    with pytest.raises(ValueError, match='complete=True'):
        build()(**data, mode='loss')


def test_half_precision():
    model = build()
    model.train()
    data = model.data_preprocessor(batch(fakes=(1,)), True)
    with torch.autocast('cpu', torch.bfloat16):
        losses = model(**data, mode='loss')
        losses.update(model(**data, mode='refine'))
    assert all(torch.isfinite(v) for v in losses.values())
    sum(losses.values()).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize(
    'row, asymmetry',
    [
        (dict(asyd=False), True),
        (dict(asyd=False, neck=False), True),
    ],
)
def test_rows_without_parts(row, asymmetry):
    model = build(**row)
    model.train()
    logged = model.train_step(batch(), wrapper(model))
    assert set(logged) == {'loss', 'loss_diag'}
    sample, *_ = model.eval()(**batch(), mode='predict')
    assert ('pred_score' in sample) == asymmetry
    assert 'normal_img' not in sample.R


def test_single_side_and_late_fusion():
    torch.manual_seed(0)
    settings = dict(
        type='AsymmetryClassifier',
        in_channels=64,
        encoder=dict(
            type='mmpretrain.ResNet',
            depth=18,
            in_channels=1,
            stem_channels=8,
            base_channels=8,
        ),
    )
    with MODELS.switch_scope_and_registry('mammo'):
        single = MODELS.build(dict(settings, asymmetry=False)).eval()
        late = MODELS.build(dict(settings, concatenate=True)).eval()
    right, left, other = torch.rand(3, 2, 1, *SIZE)
    with torch.no_grad():
        # the other side does not matter to a single view, and does to late fusion
        for model, same in ((single, True), (late, False)):
            one, two = model(right, left), model(right, other)
            assert torch.allclose(one.abnormal[:2], two.abnormal[:2]) == same
        assert single(right, left).asymmetric is None
        # no asymmetry between equals
        feats = late(right, right)
        torch.testing.assert_close(feats.asymmetric, late.asymmetry_head.bias.expand(2))


def test_a_missing_side():
    model = build().eval()
    data = batch()
    full = model(**copy.deepcopy(data), mode='predict')
    lacking = MultiViewDataSample()
    lacking.L = DetDataSample()
    inputs = dict(R=data['inputs']['R'][:1], L=data['inputs']['L'][:2])
    found = model(
        inputs, [copy.deepcopy(data['data_samples'][0]), lacking], mode='predict'
    )
    torch.testing.assert_close(found[0].pred_score, full[0].pred_score)
    assert 'pred_score' not in found[1] and 'R' not in found[1]
    left = data['inputs']['L'][1:2]
    same = model.classify(left, left)
    assert found[1].L.pred_score[1].item() == pytest.approx(
        same.abnormal[0].sigmoid().item(), abs=1e-5
    )
