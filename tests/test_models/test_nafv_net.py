"""NaFV-Net: which side, what the classifier sees, its losses and its parts."""

import copy

import numpy as np
import pytest
import torch
from lesion_enrichment_reference import (
    contralateral_fusion,
    lesion_boxes,
    position_mask,
)
from mmdet.structures import DetDataSample
from mmengine.structures import PixelData
from torch.nn import functional as F

from mammo_plugins.anatomy import CanonicalFrame, register_contralateral
from mammo_plugins.models import ExamSegmentor, NaFVNet
from mammo_plugins.models.classifiers.nafv_net import _enlarged
from mammo_plugins.registry import MODELS
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

SIZE = (48, 32)
VIEWS = ('RCC', 'LCC', 'RMLO', 'LMLO')
NAMES = [f'{m} {v}' for m in ('CEM-LE', 'CEM-RC') for v in VIEWS]
BOX = (slice(16, 24), slice(8, 16))
FRAME = CanonicalFrame(40, 60, (0, 0, 32, 48), False)


@MODELS.register_module(force=True)
class BrightSegmentor(ExamSegmentor):
    """Takes for mass what is brighter than 0.9."""

    def logits(self, inputs):
        return {name: 20 * (inputs[name] - 0.9) for name in self.view_names}


def network(**settings):
    torch.manual_seed(0)
    cfg = dict(
        segmentor=dict(type='BrightSegmentor', modality='CEM-RC'),
        embedding=dict(type='ConvEmbedding', channels=(4, 8)),
        embed_dims=8,
        mixer=dict(
            type='FourViewMixer', channels=(8, 8, 16), num_blocks=(1, 1, 1), num_heads=2
        ),
        head=dict(
            type='mmpretrain.StackedLinearClsHead', num_classes=2, mid_channels=[8]
        ),
        modality='CEM-LE',
        data_preprocessor=dict(type='MultiViewDataPreprocessor', num_channels=1),
    )
    for key, value in settings.items():
        cfg[key] = dict(cfg[key], **value) if key in ('mixer', 'segmentor') else value
    net = NaFVNet(**cfg)
    net.init_weights()
    return net.eval()


def exams(masses=('RCC', 'RMLO'), annotated=(), positive=(), label=1, num=2):
    """Inputs and samples; views named in masses are bright in BOX."""
    generator = torch.manual_seed(1)
    inputs = {
        name: 0.2 + 0.4 * torch.rand(num, 1, *SIZE, generator=generator)
        for name in NAMES
    }
    samples = []
    for i in range(num):
        sample = MultiViewDataSample(metainfo=dict(patient_id=f'p{i}'))
        for name in NAMES:
            view = name.split()[1]
            if view in masses:
                inputs[name][i, 0][BOX] = 1.0
            truth = torch.zeros(1, *SIZE, dtype=torch.long)
            if view in annotated:
                truth[0][BOX] = 1
            other = dict(R='L', L='R')[view[0]] + view[1:]
            registration = register_contralateral(
                *(inputs[f'{name.split()[0]} {v}'][i, 0].numpy() for v in (view, other))
            )
            sample.set_data(
                {
                    name: DetDataSample(
                        metainfo=dict(
                            img_shape=SIZE,
                            homography_matrix=np.eye(3),
                            canonical_frame=FRAME.to_dict(),
                            gt_label=int(view in positive),
                        ),
                        gt_sem_seg=PixelData(sem_seg=truth),
                        contralateral_maps=torch.from_numpy(registration.coarse_maps()),
                    )
                }
            )
        sample.gt_label = torch.tensor([label])
        samples.append(sample)
    return inputs, samples


def test_what_the_classifier_sees():
    """Eqs. 8 and 9: masks on both sides, lesions blended into the other one."""
    net = network(jitter=0.0)
    inputs, samples = exams()
    net.segmentor.predict(inputs, samples)
    seen = net.enriched(inputs, samples, training=True)
    assert seen.sides == ['R', 'R']
    mass = np.zeros(SIZE, bool)
    mass[BOX] = True
    for projection in ('CC', 'MLO'):
        ours, theirs = (
            inputs[f'CEM-LE {side}{projection}'][1, 0].numpy() for side in 'RL'
        )
        # a box of noise has no skin line: both lie as they are
        maps = _enlarged(
            samples[1].get(f'CEM-LE L{projection}').contralateral_maps, SIZE
        )
        np.testing.assert_allclose(maps, np.indices(SIZE)[::-1], atol=0.04)
        weights = position_mask(mass)
        for name, expected in (
            ('affected', ours * weights),
            ('unaffected', theirs * weights),
            ('fused', contralateral_fusion(theirs, ours, lesion_boxes(mass)) * weights),
        ):
            found = seen.views[f'{name} {projection}'][1, 0].numpy()
            np.testing.assert_allclose(found, expected, atol=1e-6)


def test_masks_of_the_other_side_move_in_training_alone():
    net = network(jitter=0.5)
    inputs, samples = exams()
    net.segmentor.predict(inputs, samples)
    np.random.seed(0)
    resting, moved = (
        net.enriched(inputs, samples, training).views for training in (False, True)
    )
    assert 'fused CC' in moved and 'fused CC' not in resting
    for name, same in (('affected CC', True), ('unaffected CC', False)):
        assert torch.equal(resting[name], moved[name]) == same
    # the image and its fused one are weighed alike
    image = inputs['CEM-LE LCC'][:, 0, :4, -4:]
    torch.testing.assert_close(
        moved['unaffected CC'][:, 0, :4, -4:] / image,
        moved['fused CC'][:, 0, :4, -4:] / image,
    )


def test_masses_are_brought_through_the_files():
    """Recombined and low-energy images may be cropped differently."""
    net = network()
    inputs, samples = exams(num=1)
    moved = np.array([[1.0, 0, 3], [0, 1, 5], [0, 0, 1]])  # by 3 to the right, 5 down
    samples[0].get('CEM-LE RCC').set_metainfo(dict(homography_matrix=moved))
    net.segmentor.predict(inputs, samples)
    found = net._masses(samples[0], 'R', 'CC')
    expected = np.zeros(SIZE, bool)
    expected[21:29, 11:19] = True
    assert (found == expected).all()
    # files of other sizes do not show the same pixels
    samples[0].get('CEM-LE RCC').set_metainfo(
        dict(canonical_frame=CanonicalFrame(80, 60, (0, 0, 32, 48), False).to_dict())
    )
    unmoved = np.zeros(SIZE, bool)
    unmoved[BOX] = True
    assert (net._masses(samples[0], 'R', 'CC') == unmoved).all()


def test_specks_are_no_masses():
    net = network()
    inputs, samples = exams(masses=(), num=1)
    image = inputs['CEM-RC RCC'][0, 0]
    for row, side in ((2, 2), (10, 6), (20, 3), (30, 4), (40, 1)):
        image[row : row + side, 5 : 5 + side] = 1.0
    net.segmentor.predict(inputs, samples)
    found = net._masses(samples[0], 'R', 'CC')
    assert found.sum() == 6**2 + 4**2 + 3**2 and not found[2:4].any()


def test_heat_maps_do_not_depend_on_padding():
    net = network()
    inputs, samples = exams(num=1)
    whole = net.predict(inputs, copy.deepcopy(samples))[0].get('CEM-LE RCC').heat_map
    height, width = SIZE[0] - 8, SIZE[1] - 4
    for name in NAMES:
        samples[0].get(name).set_metainfo(dict(img_shape=(height, width)))
        inputs[name][..., height:, :], inputs[name][..., width:] = 0.0, 0.0
    found = net.predict(inputs, samples)[0].get('CEM-LE RCC').heat_map
    assert whole.shape == SIZE and found.shape == (height, width)


@pytest.mark.parametrize(
    'facts,labelled,side',
    [
        (dict(masses=('RCC',)), False, 'R'),
        (dict(masses=('LMLO',)), False, 'L'),
        (dict(masses=('RCC',), annotated=('LCC',)), True, 'L'),
        (dict(masses=('RCC',), annotated=('LCC',)), False, 'R'),
        # on both sides: the larger one
        (dict(masses=(), annotated=('RCC', 'LCC', 'LMLO')), True, 'L'),
        # none: the positive side
        (dict(masses=(), positive=('LCC',)), True, 'L'),
        # a large benign mass, a malignant finding on the other side
        (dict(masses=('RCC',), annotated=('RCC',), positive=('LCC',)), True, 'L'),
    ],
)
def test_affected_side(facts, labelled, side):
    net = network()
    inputs, samples = exams(**facts)
    net.segmentor.predict(inputs, samples)
    assert net.enriched(inputs, samples, labelled).sides == [side] * 2


@pytest.mark.parametrize('modality', ['CEM-LE', 'CEM-RC'])
def test_the_positive_side_is_that_of_either_image(modality):
    """Images of a view have BI-RADS of their own; one positive makes the exam so."""
    net = network()
    inputs, samples = exams(masses=('RCC',), annotated=('RCC',))
    for sample in samples:
        sample.get(f'{modality} LMLO').set_metainfo(dict(gt_label=1))
    net.segmentor.predict(inputs, samples)
    assert net.enriched(inputs, samples, True).sides == ['L'] * 2


def test_weights_of_algorithm_1_as_printed():
    net = network(distance_unit=1.0)
    inputs, samples = exams(masses=('RCC',), num=1)
    net.segmentor.predict(inputs, samples)
    seen = net.enriched(inputs, samples).views['affected CC'][0, 0]
    kept = torch.zeros(SIZE, dtype=torch.bool)
    kept[BOX] = True
    assert (seen[kept] > 0).all() and (seen[~kept] == 0).all()


def test_without_a_mass_the_more_suspected_side_is_examined():
    net = network()
    inputs, samples = exams(masses=(), num=1)
    inputs['CEM-RC LMLO'][0, 0, 3, 3] = 0.89
    seen = net.predict(inputs, samples)[0]
    assert seen.affected_side is None and seen.examined_side == 'L'
    views = net.enriched(inputs, samples).views
    torch.testing.assert_close(views['affected CC'], inputs['CEM-LE LCC'])


def test_loss_is_focal_and_divergence_of_fused_images():
    """Eqs. 10 and 11 from two runs of the whole network."""
    # in double precision: the large weights below magnify rounding
    net = network(jitter=0.0, mixer=dict(init_cfg=None)).double()
    net.start_stage('classification')
    inputs, samples = exams(label=1, num=1)
    inputs = {name: image.double() for name, image in inputs.items()}
    # untrained, the other side hardly matters: logits of large weights and mean 0
    last = net.head.layers[-1].fc
    with torch.no_grad():
        mean = net(inputs, samples).mean(dim=0)
        last.weight *= 10000
        last.bias.copy_((last.bias - mean) * 10000)
    losses = net.loss(inputs, samples)
    views = net.enriched(inputs, samples, training=True).views

    def logits(unaffected):
        images = {f'affected {p}': views[f'affected {p}'] for p in ('CC', 'MLO')}
        images.update(
            {f'unaffected {p}': views[f'{unaffected} {p}'] for p in ('CC', 'MLO')}
        )
        return net.head((net.mixer(net.embed(images)),))

    original, fused = logits('unaffected').softmax(1), logits('fused').softmax(1)
    p = original[:, 1]
    torch.testing.assert_close(losses['loss_focal'], (-((1 - p) ** 2) * p.log()).mean())
    divergence = (original * (original.log() - fused.log())).sum(dim=1).mean()
    assert divergence > 1e-3
    torch.testing.assert_close(losses['loss_robust'], divergence)


def test_dual_view_sees_the_affected_side_alone():
    net = network(mixer=dict(four_views=False), robust_loss=None)
    net.start_stage('classification')
    inputs, samples = exams()
    losses = net.loss(inputs, samples)
    images = net.enriched(inputs, samples, training=True).views
    assert sorted(images) == ['affected CC', 'affected MLO']
    logits = net.head((net.mixer(net.embed(images)),))
    torch.testing.assert_close(
        losses['loss'], F.cross_entropy(logits, torch.tensor([1, 1]))
    )
    before = net.predict(inputs, samples)[0].pred_score.clone()
    inputs['CEM-LE LCC'] += 0.3
    assert torch.equal(net.predict(inputs, samples)[0].pred_score, before)


def test_stages_train_their_parts():
    net = network(
        segmentor=dict(
            type='AsymmetrySensitiveSegmentor',
            num_tokens=24,
            channels=(8, 8, 8),
            embed_dims=8,
            num_layers=1,
            num_heads=2,
        )
    )
    inputs, samples = exams(annotated=('RCC', 'RMLO'))
    with pytest.raises(RuntimeError, match='StagedTrainLoop'):
        net.loss(inputs, samples)
    learns = {}
    for stage in ('segmentation', 'classification'):
        net.start_stage(stage)
        net.zero_grad()
        sum(net.loss(inputs, samples).values()).backward()
        learns[stage] = {
            name.split('.')[0]
            for name, p in net.named_parameters()
            if p.grad is not None and p.grad.any()
        }
    assert learns == dict(
        segmentation={'segmentor'}, classification={'embedding', 'mixer', 'head'}
    )


def test_predictions():
    net = network()
    inputs, samples = exams()
    net.start_stage('segmentation')
    first = net.predict(inputs, copy.deepcopy(samples))[0]
    assert 'pred_score' not in first and first.affected_side == 'R'
    net.start_stage(None)
    found = net.predict(inputs, samples)
    logits = net(inputs, samples)
    for sample, expected in zip(found, logits.softmax(1)):
        torch.testing.assert_close(sample.pred_score, expected)
        assert sample.pred_label.item() == expected.argmax()
        for name in NAMES:
            view = sample.get(name)
            assert ('heat_map' in view) == (name in ('CEM-LE RCC', 'CEM-LE RMLO'))
            if 'heat_map' in view:  # and says what it is of
                assert view.pred_label.item() == sample.pred_label.item()
        heat = sample.get('CEM-LE RCC').heat_map
        assert heat.shape == SIZE and 0 <= heat.min() <= heat.max() <= 1


def test_registration_is_asked_for():
    net = network()
    inputs, samples = exams()
    for sample in samples:
        sample.set_data(
            {
                'CEM-LE LCC': DetDataSample(
                    metainfo=dict(
                        img_shape=SIZE,
                        homography_matrix=np.eye(3),
                        canonical_frame=FRAME.to_dict(),
                    )
                )
            }
        )
    with pytest.raises(ValueError, match='RegisterSides'):
        net.predict(inputs, samples)


def test_training_wants_maps_and_tensors_samples():
    net = network()
    net.start_stage('segmentation')
    inputs, samples = exams()
    del samples[0].get('CEM-RC RCC').gt_sem_seg
    with pytest.raises(ValueError, match='DrawLesionMap'):
        net.loss(inputs, samples)
    with pytest.raises(ValueError, match='data_samples is None'):
        net(inputs)


@pytest.mark.parametrize('training', [False, True])
def test_images_and_masks_stay_on_the_device(training, monkeypatch):
    """What goes between host and device are single numbers, such as a side's area."""
    net = network(jitter=0.3)
    inputs, samples = exams(annotated=('RCC',))
    samples[0].get('CEM-RC RCC').set_metainfo(
        dict(homography_matrix=np.diag([2.0, 2, 1]))
    )
    net.segmentor.predict(inputs, samples)

    def refused(self, *args, **kwargs):
        raise AssertionError(f'{tuple(self.shape)} to the host')

    for name in ('cpu', 'numpy', '__array__'):
        monkeypatch.setattr(torch.Tensor, name, refused)
    uploads, from_numpy = [], torch.from_numpy
    monkeypatch.setattr(
        torch,
        'from_numpy',
        lambda array: (uploads.append(array.size), from_numpy(array))[1],
    )
    net.enriched(inputs, samples, training)
    assert all(size <= 2 * len(samples) * 4 for size in uploads)
    assert bool(uploads) == training
