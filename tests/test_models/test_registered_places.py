"""Registered features: places, warps, and what BiDualNet makes of them."""

import copy

import numpy as np
import pytest
import torch
from mmdet.datasets.transforms import RandomFlip
from mmengine.dataset import pseudo_collate
from test_bi_dual_net import HRNET, build
from test_datasets.test_registration_transforms import CONFIG, view

from mammo_plugins.datasets.transforms import (
    ForEachView,
    PackExamInputs,
    RegisterContralateral,
)
from mammo_plugins.models.utils import registered_places, warp_features
from mammo_plugins.phantom import make_exam
from mammo_plugins.testing import demo_exam, demo_registration, demo_tri_view_inputs


def samples(shift=(0.0, 0.0), size=(64, 96)):
    """Two views of each of four images of noise, one shifted onto the other."""
    made = demo_tri_view_inputs(demo_exam(size), register_features=True)
    for sample in made:
        maps = demo_registration(size, shift).coarse_maps()
        sample['data_samples'].main.contralateral_maps = torch.from_numpy(maps)
        del sample['inputs']['ipsilateral']
        del sample['data_samples'].ipsilateral
    return made


def as_images(made):
    """The same samples for a model of registered images."""
    made = copy.deepcopy(made)
    for sample in made:
        del sample['data_samples'].main.contralateral_maps
    return made


def prepared(model, made, training=False):
    return model.data_preprocessor(pseudo_collate(copy.deepcopy(made)), training)


@pytest.fixture(scope='module')
def models():
    """One that registers features, and one of images, with the same weights."""
    shown = dict(min_score=0.0)
    features = build(HRNET, register_features=True, test_cfg=shown)
    images = build(HRNET, test_cfg=shown)
    images.load_state_dict(features.state_dict())
    return features.eval(), images.eval()


def test_where_nothing_moves_features_are_those_of_registered_images(models):
    made = samples()
    outputs = [
        model(**prepared(model, batch), mode='tensor')
        for model, batch in zip(models, (made, as_images(made)))
    ]
    torch.testing.assert_close(*outputs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('shift', [(16.0, 0.0), (0.0, -32.0), (-16.0, 16.0)])
def test_a_shift_by_whole_cells_shifts_features(shift):
    """Exactly: in the middle of the main view, whose partner is still there."""
    (sample, *_) = samples(shift)
    views = sample['data_samples']
    places = registered_places(views.main, views.bilateral, (64, 96), (64, 96))
    for stride in (4, 8, 16):
        h, w = 64 // stride, 96 // stride
        features = torch.rand(1, 3, h, w)
        coarse = torch.nn.functional.interpolate(places[None], (h, w), mode='area')
        found = warp_features(features, coarse)
        dx, dy = (int(part) // stride for part in shift)
        rows = slice(max(dy, 0), h + min(dy, 0))
        columns = slice(max(dx, 0), w + min(dx, 0))
        torch.testing.assert_close(
            found[..., rows, columns],
            features.roll((dy, dx), (2, 3))[..., rows, columns],
            atol=1e-4,
            rtol=0,
        )


@pytest.mark.parametrize('direction', [None, 'horizontal', 'vertical', 'diagonal'])
def test_the_image_comes_out_as_the_pipeline_registers_it(direction):
    """Places against OpenCV's warp, both views flipped afterwards."""
    exam = make_exam(3, CONFIG)
    flip = ForEachView(
        [
            RandomFlip(
                prob=float(direction is not None), direction=direction or 'diagonal'
            )
        ],
        share_random_params=True,
    )
    packed = []
    for features in (False, True):
        views = dict(main=view(exam, 'L'), bilateral=view(exam, 'R'))
        register = RegisterContralateral(register_features=features)
        packed.append(PackExamInputs()(flip(register(dict(views=views)))))
    warped, left = packed
    assert left['data_samples'].bilateral.registration == 'warped'
    main, other = (left['data_samples'].get(name) for name in ('main', 'bilateral'))
    image = left['inputs']['bilateral'][None].float()
    # padded as a batch would be
    image = torch.nn.functional.pad(image, (0, 40, 0, 24))
    height, width = main.img_shape
    places = registered_places(
        main, other, (height, width), tuple(image.shape[-2:]), stride=1
    )
    found = warp_features(image, places[None])[0, 0]
    wanted = warped['inputs']['bilateral'][0].float()
    assert wanted.std() > 0.05
    inside = (places.abs() < 0.97).all(dim=0)
    inside &= wanted > 0  # 0 where the image ends
    assert inside.float().mean() > 0.3
    assert (found - wanted)[inside].abs().mean() < 1e-3
    assert np.quantile((found - wanted)[inside].abs(), 0.99) < 0.02


def test_an_image_is_encoded_once_whichever_part_it_has(models):
    """Both breasts of two projections: four passes where registered images take eight."""
    made = samples((16.0, 0.0))
    passes = []
    for model, batch in zip(models, (made, as_images(made))):
        seen = []
        handle = model.backbone.conv1.register_forward_hook(
            lambda module, inputs, output, seen=seen: seen.append(len(inputs[0]))
        )
        with torch.no_grad():
            together = model(**prepared(model, batch), mode='predict')
        handle.remove()
        passes.append(sum(seen))
        for sample, found in zip(batch, together):
            with torch.no_grad():
                (alone,) = model(**prepared(model, [sample]), mode='predict')
            assert len(found.pred_instances)
            for key in ('bboxes', 'scores'):
                torch.testing.assert_close(
                    alone.pred_instances[key], found.pred_instances[key]
                )
    assert passes == [4, 8]


def test_training_reaches_every_weight():
    model = build(HRNET, register_features=True)
    made = samples((16.0, 0.0))[:2]
    made[1]['inputs']['bilateral'] = None
    del made[1]['data_samples'].bilateral
    output = model.train()(**prepared(model, made, training=True), mode='tensor')
    output.square().mean().backward()
    assert all(p.grad is not None for p in model.parameters())
    assert model.backbone.fusion.convs[0].weight.grad[:, 4:].abs().max() > 0


def test_model_and_pipeline_must_agree(models):
    features, images = models
    with pytest.raises(ValueError, match='register_features is False; expected the'):
        images(**prepared(images, samples()), mode='tensor')
    with pytest.raises(ValueError, match='register_features is True; expected the'):
        features(**prepared(features, as_images(samples())), mode='predict')
