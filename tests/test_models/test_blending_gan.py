"""Blending adversarial networks: parts, two optimizers, processes, resuming."""

import copy
import math

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch.nn import functional as F
from torch.utils.data import Dataset

from mammo_plugins.apis.acceleration import accelerate
from mammo_plugins.engine.optimizers import MultiOptimWrapperConstructor
from mammo_plugins.models import NoiseGenerator, PatchDiscriminator, UNetGenerator
from mammo_plugins.models.losses import BackgroundLoss, SeamlessBlendingLoss
from mammo_plugins.registry import MODELS

MODEL = dict(
    type='BlendingGAN',
    generator=dict(type='UNetGenerator', base_channels=8, num_levels=3),
    discriminator=dict(type='PatchDiscriminator', base_channels=4),
)


def build(moved=True):
    """A model; its last layer moved from nought, so that all parts learn."""
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(MODEL)
    model.init_weights()
    if moved:
        torch.nn.init.normal_(model.generator.last.weight, std=0.05)
    return model


def batch(seed=0, num=2):
    generator = torch.manual_seed(seed)
    normal, real, lesion = torch.rand(3, num, 1, 24, 20, generator=generator)
    mask = torch.zeros_like(normal)
    mask[..., 6:14, 5:12] = 1.0
    pasted = torch.where(mask > 0, lesion, normal)
    return dict(inputs=dict(normal=normal, pasted=pasted, mask=mask, real=real))


def optimizers(model, **settings):
    return OptimWrapperDict(
        **{
            name: OptimWrapper(
                torch.optim.SGD(getattr(model, name).parameters(), 0.05), **settings
            )
            for name in ('generator', 'discriminator')
        }
    )


def test_receptive_field_is_16_by_16():
    """Of the formula, and of what one output really depends on."""
    torch.manual_seed(0)
    model = PatchDiscriminator(base_channels=4)
    assert model.receptive_field == 16
    image = torch.rand(1, 1, 64, 64, requires_grad=True)
    model(image)[0, 0, 16, 15].backward()
    rows, columns = np.nonzero(image.grad[0, 0].numpy())
    assert np.ptp(rows) + 1 == np.ptp(columns) + 1 == 16


def test_discriminator_is_convolutional():
    """Four layers; a patch is judged alike wherever it is."""
    torch.manual_seed(0)
    model = PatchDiscriminator(base_channels=4)
    assert sum(isinstance(m, torch.nn.Conv2d) for m in model.modules()) == 4
    image = torch.rand(1, 1, 64, 48)
    found, moved = model(image), model(image.roll((4, 6), (2, 3)))
    assert found.shape == (1, 1, 32, 24)
    torch.testing.assert_close(
        found[..., 6:-10, 6:-10], moved[..., 8:-8, 9:-7], atol=1e-6, rtol=1e-5
    )


@pytest.mark.parametrize('size', [(32, 16), (37, 23)])
def test_generator(size):
    torch.manual_seed(0)
    model = UNetGenerator(base_channels=8, num_levels=3)
    normal, pasted, mask = torch.rand(3, 2, 1, *size)
    torch.testing.assert_close(model(normal, pasted, mask), normal)  # from nought
    torch.nn.init.normal_(model.last.weight)
    output = model(normal, pasted, mask)
    assert output.shape == normal.shape
    for k in range(3):  # each channel matters
        inputs = [normal, pasted, mask]
        inputs[k] = 1 - inputs[k]
        change = model(*inputs) - output - (inputs[0] - normal)
        assert change.abs().max() > 1e-3


def test_generator_has_skip_connections():
    """Fine detail passes: a change of one pixel has a sharp effect there."""
    torch.manual_seed(0)
    model = UNetGenerator(base_channels=8, num_levels=3).eval()
    torch.nn.init.normal_(model.last.weight)
    images = torch.rand(3, 1, 1, 32, 32)
    changed = images.clone()
    changed[1, ..., 16, 16] += 1.0
    effect = (model(*changed) - model(*images)).abs()[0, 0]
    assert effect[16, 16] > 3 * effect.median()


def test_two_updates_equal_the_equations():
    model = build()
    by_hand, data = copy.deepcopy(model), batch()
    x = data['inputs']
    logged = model.train_step(copy.deepcopy(data), optimizers(model))

    generator, discriminator = by_hand.generator, by_hand.discriminator
    fake = generator(x['normal'], x['pasted'], x['mask'])
    step = torch.optim.SGD(discriminator.parameters(), 0.05)
    real, false = discriminator(x['real']), discriminator(fake.detach())
    # eq. 2, to be maximized
    value = real.sigmoid().log().mean() + (1 - false.sigmoid()).log().mean()
    (-value).backward()
    step.step()
    assert logged['loss_discriminator'].item() == pytest.approx(-value.item(), rel=1e-4)
    prior = SeamlessBlendingLoss()(fake, x['normal'], x['pasted'], x['mask']) + sum(
        BackgroundLoss()(fake, x['normal'], x['mask'])
    )
    # patches of 16 x 16, one every 2 pixels, whose pixels begin 7 before
    touched = torch.tensor(
        [
            [
                x['mask'][
                    0, 0, max(2 * i - 7, 0) : 2 * i + 9, max(2 * j - 7, 0) : 2 * j + 9
                ].any()
                for j in range(10)
            ]
            for i in range(12)
        ]
    )
    assert 0 < touched.sum() < touched.numel()
    fooled = discriminator(fake).sigmoid().log()[:, :, touched]
    total = -fooled.mean() + 10 * prior
    step = torch.optim.SGD(generator.parameters(), 0.05)
    step.zero_grad()
    total.backward()
    step.step()
    assert logged['loss'].item() == pytest.approx(total.item(), rel=1e-4)
    for ours, theirs in zip(model.parameters(), by_hand.parameters()):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize('seed', range(3))
def test_patches_that_touch_a_region(seed):
    """Those whose logit has a gradient at one of its pixels."""
    torch.manual_seed(seed)
    model = PatchDiscriminator(base_channels=4)
    image = torch.rand(1, 1, 40, 36, requires_grad=True)
    mask = (torch.rand(1, 1, 40, 36) > 0.998).float()
    mask[..., 5, 30] = 1.0
    logits, found = model(image), model.touching(mask)
    assert found.shape == logits.shape
    for place in np.ndindex(*logits.shape):
        (slope,) = torch.autograd.grad(logits[place], image, retain_graph=True)
        assert bool(found[place]) == bool((slope * mask).any())


def test_a_larger_image_weakens_nothing():
    """Of the same lesion: the adversarial gradient, and that over all patches."""
    model = build()
    data = batch(num=1)['inputs']
    # air around it, far enough for the patches
    larger = {name: F.pad(image, (40, 40, 40, 40)) for name, image in data.items()}
    norms = {}
    for everywhere in (False, True):
        model.everywhere = everywhere
        for name, inputs in (('small', data), ('large', larger)):
            output = inputs['pasted'].clone().requires_grad_()
            loss = model._fooling(output, inputs['mask'])
            norms[name, everywhere] = torch.autograd.grad(loss, output)[0].norm()
    assert norms['large', False] > 0.5 * norms['small', False]
    assert norms['large', True] < 0.2 * norms['small', True]


def test_norms_of_gradients_are_logged():
    model = build()
    data = batch()
    x = copy.deepcopy(data['inputs'])
    expected = {}
    fake = model(x).detach().requires_grad_()
    by_hand = copy.deepcopy(model)
    optim = optimizers(model)
    logged = model.train_step(data, optim)
    by_hand.discriminator.load_state_dict(model.discriminator.state_dict())
    losses = by_hand.generator_losses(x, fake)
    for name, loss in losses.items():
        (expected[name],) = torch.autograd.grad(loss, fake, retain_graph=True)
    assert set(losses) == {'loss_adversarial', 'loss_background', 'loss_seamless'}
    for name, gradient in expected.items():
        found = logged[name.replace('loss', 'grad')].item()
        assert found == pytest.approx(gradient.square().sum().sqrt().item(), rel=1e-4)
    total = sum(logged[name] for name in losses)
    assert logged['loss'].item() == pytest.approx(total.item(), rel=1e-5)


def test_without_the_adversarial_term():
    """No discriminator, no optimizer of it; the prior alone is learned from."""
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(dict(MODEL, discriminator=None))
    torch.nn.init.normal_(model.generator.last.weight, std=0.05)
    optim = OptimWrapperDict(
        generator=OptimWrapper(torch.optim.SGD(model.generator.parameters(), 0.05))
    )
    logged = model.train_step(batch(), optim)
    assert set(logged) == {
        'loss',
        'loss_background',
        'loss_seamless',
        'grad_background',
        'grad_seamless',
    }
    total = logged['loss_background'] + logged['loss_seamless']
    assert logged['loss'].item() == pytest.approx(total.item())


def test_vanilla_gan():
    """Images of noise: none of the inputs is looked at, and eq. 2 alone counts."""
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(
            dict(
                type='BlendingGAN',
                prior_weight=0.0,
                seamless=False,
                everywhere=True,
                generator=dict(
                    type='NoiseGenerator',
                    size=(32, 16),
                    base_channels=8,
                    num_levels=4,
                    latent=5,
                ),
                discriminator=dict(
                    type='ImageDiscriminator', base_channels=4, num_layers=3
                ),
            )
        )
    model.init_weights()
    real = torch.rand(2, 1, 32, 16)
    inputs = dict(normal=real, pasted=real, mask=torch.ones_like(real), real=real)
    torch.manual_seed(1)
    one = model(inputs)
    torch.manual_seed(1)
    same = model({name: 1 - image for name, image in inputs.items()})
    assert torch.equal(one, same) and one.shape == real.shape
    assert not torch.equal(one, model(inputs))
    assert one.min() > 0 and one.max() < 1
    judged, moved = model.discriminator(torch.stack([real[0], real[0].flip(1)]))
    assert judged.shape == (1,) and judged != moved  # of the whole image
    logged = model.train_step(dict(inputs=inputs), optimizers(model))
    assert set(logged) == {
        'loss',
        'loss_real',
        'loss_fake',
        'loss_discriminator',
        'loss_adversarial',
        'grad_adversarial',
    }
    with pytest.raises(ValueError, match='multiples of 8 for 4 levels'):
        NoiseGenerator((32, 20), num_levels=4)


def test_nothing_is_left_behind():
    """The generator's update leaves no gradient in the discriminator."""
    model = build()
    optim = optimizers(model)
    model.train_step(batch(), optim)
    assert all(
        p.grad is None or not p.grad.any() for p in model.discriminator.parameters()
    )


def test_gradient_accumulation():
    model = build()
    before = copy.deepcopy(model.state_dict())
    optim = optimizers(model, accumulative_counts=2)
    for wrapper in optim.values():
        wrapper.initialize_count_status(model, 0, 4)

    def changed():
        return [
            k for k, v in model.state_dict().items() if not torch.equal(v, before[k])
        ]

    model.train_step(batch(0), optim)
    assert not changed()
    model.train_step(batch(1), optim)
    parts = {name.split('.')[0] for name in changed()}
    assert parts == {'generator', 'discriminator'}


def test_half_precision():
    """As AmpOptimWrapper does on CUDA: autocast around each part."""
    model = build()
    with torch.autocast('cpu', torch.bfloat16):
        logged = model.train_step(batch(), optimizers(model))
    other = build()
    full = other.train_step(batch(), optimizers(other))
    for name, value in logged.items():
        assert value.item() == pytest.approx(full[name].item(), rel=0.05)


def test_prior_alone_keeps_the_background_and_grows_the_lesion():
    """Trained on one image: the lesion's edges appear, the rest stays."""
    model = build()
    normal = torch.full((1, 1, 24, 20), 0.4)
    mask = torch.zeros_like(normal)
    mask[..., 6:16, 5:15] = 1.0
    pasted = normal.clone()
    pasted[..., 8:14, 7:13] = 0.8
    data = dict(inputs=dict(normal=normal, pasted=pasted, mask=mask, real=pasted))
    optim = OptimWrapperDict(
        generator=OptimWrapper(torch.optim.Adam(model.generator.parameters(), 0.01)),
        discriminator=OptimWrapper(
            torch.optim.Adam(model.discriminator.parameters(), 1e-4)
        ),
    )
    for _ in range(150):
        model.train_step(data, optim)
    output = model(data['inputs'], mode='predict').detach()
    lesion = output[..., 9:13, 8:12].mean() - output[..., :5, :].mean()
    assert lesion > 0.25
    assert (output - normal)[mask == 0].abs().mean() < 0.03


class Drawn(Dataset):
    """Samples that hang on all random number generators."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        data = batch(seed=int(np.random.randint(1000)), num=1)['inputs']
        return dict(
            inputs={
                name: image[0] + 0.1 * F.relu(torch.randn(1, 24, 20))
                for name, image in data.items()
            }
        )


def runner(folder, epochs, hooks=(dict(type='mammo.RandomStateHook'),), **settings):
    adam = dict(optimizer=dict(type='Adam', lr=0.001))
    return Runner(
        model=build(),
        work_dir=str(folder),
        log_level='ERROR',
        train_dataloader=dict(
            dataset=Drawn(),
            batch_size=2,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=True),
            collate_fn=dict(type='default_collate'),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(
            constructor='mammo.MultiOptimWrapperConstructor',
            generator=adam,
            discriminator=adam,
        ),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1)),
        custom_hooks=list(hooks),
        randomness=dict(seed=3),
        default_scope='mammo',
        experiment_name=f'{folder.name}_{epochs}_{len(hooks)}_{bool(settings)}',
        **settings,
    )


@pytest.mark.parametrize('hooked', [True, False])
def test_resuming_is_exact(tmp_path, hooked):
    """Both optimizers and the random state; without the state it would not be."""
    hooks = (dict(type='mammo.RandomStateHook'),) if hooked else ()
    whole = runner(tmp_path / 'whole', 4, hooks)
    whole.train()
    runner(tmp_path / 'part', 2, hooks).train()
    part = runner(tmp_path / 'part', 4, hooks, resume=True)
    part.train()
    pairs = list(zip(whole.model.parameters(), part.model.parameters()))
    assert all(torch.equal(a, b) for a, b in pairs) == hooked
    assert not math.isnan(sum(p.sum().item() for p, _ in pairs))


def test_an_optimizer_of_no_part():
    with pytest.raises(ValueError, match='optim_wrapper.critic: BlendingGAN has no'):
        MultiOptimWrapperConstructor(
            dict(critic=dict(optimizer=dict(type='Adam', lr=1.0)))
        )(build())


def test_an_optimizer_is_left_out_with_its_part():
    adam = dict(optimizer=dict(type='Adam', lr=1.0))
    build_both = MultiOptimWrapperConstructor(dict(generator=adam, discriminator=None))
    alone = build()
    alone.discriminator = None
    assert list(build_both(alone).keys()) == ['generator']
    with pytest.raises(
        ValueError,
        match='optim_wrapper.discriminator: none, for a trainable part of BlendingGAN',
    ):
        build_both(build())
    frozen = build()
    frozen.discriminator.requires_grad_(False)
    assert list(build_both(frozen).keys()) == ['generator']


def test_mistakes():
    with pytest.raises(ValueError, match='multiple of 8'):
        UNetGenerator(base_channels=12)
    with pytest.raises(RuntimeError, match='expected tensor or predict'):
        build()(batch()['inputs'], mode='loss')


def test_mixed_precision_is_for_each_optimiser(monkeypatch):
    """--amp of tools/train.py."""
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    cfg = Config.fromfile('configs/blending/blending-gan_phantom.py')
    accelerate(cfg, 'fp16')
    assert set(cfg.optim_wrapper) == {'constructor', 'generator', 'discriminator'}
    for part in ('generator', 'discriminator'):
        assert cfg.optim_wrapper[part].type == 'AmpOptimWrapper'
        assert cfg.optim_wrapper[part].loss_scale == 'dynamic'
