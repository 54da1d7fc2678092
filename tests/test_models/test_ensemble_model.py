"""Ensembles of toy models whose answers can be computed by hand."""

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData, PixelData
from mmpretrain.structures import DataSample
from torch import nn

from mammo_plugins.models.test_time_augs import EnsembleModel
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

SCALE = 0.5  # the network sees half the size
FLIPS = ('horizontal', 'vertical', 'diagonal')


class BrightBox(nn.Module):
    """Finds the bright part of an image; knows no left and right.

    Args:
        score (float): That it gives.
        grow (float): Pixels by which its boxes are too large on the right.
    """

    def __init__(self, score=0.8, grow=0.0):
        super().__init__()
        self.score, self.grow = score, grow
        self.seen = []

    def test_step(self, data):
        images, samples = data['inputs'], data['data_samples']
        if isinstance(images, dict):  # the main view is judged
            self.seen.append([s.main.nipple for s in samples])
            images, samples = images['main'], [s.main for s in samples]
        for image, sample in zip(images, samples):
            rows, columns = np.nonzero(image[0].numpy() > 0.5)
            box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            box = torch.tensor([box], dtype=torch.float32) / SCALE
            box[:, 2] += self.grow
            size = [int(side / SCALE) for side in image.shape[-2:]]
            mask = torch.zeros(1, *size, dtype=torch.bool)
            x1, y1, x2, y2 = box[0].int().tolist()
            mask[0, y1:y2, x1:x2] = True
            sample.pred_instances = InstanceData(
                bboxes=box,
                scores=torch.tensor([self.score]),
                labels=torch.tensor([0]),
                malignancy=torch.tensor([self.score / 2]),
                masks=mask,
                keypoints=box[:, None, :2] + torch.tensor([2.0, 2.0]),
            )
        return samples


def image_with(box, size=(20, 30)):
    image = torch.zeros(1, *size)
    x1, y1, x2, y2 = box
    image[:, y1:y2, x1:x2] = 1
    return image


def view(size=(20, 30), **facts):
    return DetDataSample(
        metainfo=dict(scale_factor=(SCALE, SCALE), img_shape=size, **facts)
    )


BOX = [4, 2, 10, 6]


def detected(model, **facts):
    data = dict(inputs=[image_with(BOX)], data_samples=[view(**facts)])
    (sample,) = model.test_step(data)
    assert 'pred_instances' not in data['data_samples'][0]
    assert torch.equal(data['inputs'][0], image_with(BOX))
    return sample.pred_instances


def test_flips_come_back():
    """Of a model that knows no direction all flips say the same."""
    found = detected(EnsembleModel(BrightBox(), flips=FLIPS))
    np.testing.assert_allclose(found.bboxes, [[8, 4, 20, 12]])
    np.testing.assert_allclose(found.scores, [0.8])
    np.testing.assert_allclose(found.malignancy, [0.4])
    plain = (
        BrightBox()
        .test_step(dict(inputs=[image_with(BOX)], data_samples=[view()]))[0]
        .pred_instances
    )
    assert found.masks.dtype == torch.bool and torch.equal(found.masks, plain.masks)


@pytest.mark.parametrize(
    'flip, expected, point',
    [
        ('horizontal', [8 - 1, 4, 20 + 1, 12], [(10 + 16) / 2, 6]),
        ('vertical', [8, 4, 22, 12], [10, (6 + 10) / 2]),
        ('diagonal', [8 - 1, 4, 20 + 1, 12], [(10 + 16) / 2, (6 + 10) / 2]),
    ],
)
def test_each_flip(flip, expected, point):
    """A box that is 2 too large on the right is so on the left of a flipped image.

    Keypoints are 2 from the corner on the left and above: on the other one there,
    of the box that is too large.
    """
    found = detected(EnsembleModel(BrightBox(grow=2), flips=[flip]))
    np.testing.assert_allclose(found.bboxes, [expected])
    lower = {'horizontal': [20 - 2, 6], 'vertical': [10, 12 - 2]}.get(flip, [18, 10])
    np.testing.assert_allclose(found.keypoints[0, 0], np.mean([[10, 6], lower], 0))


def test_models_are_fused_by_score():
    found = detected(EnsembleModel(BrightBox(0.9), [BrightBox(0.3, grow=4)]))
    np.testing.assert_allclose(found.bboxes, [[8, 4, 21, 12]])
    np.testing.assert_allclose(found.scores, [0.6])
    np.testing.assert_allclose(found.malignancy, [0.75 * 0.45 + 0.25 * 0.15])
    assert not found.masks[0, :, 20:].any()  # a quarter of what they say


def test_nipples_go_with_the_image():
    """A model of several views sees them where they are in the flipped image."""
    sample = MultiViewDataSample()
    sample.main = view(nipple=(25.0, 4.0))
    sample.ipsilateral = view((10, 40), nipple=None)
    model = BrightBox()
    data = dict(
        inputs=dict(
            main=[image_with(BOX)],
            ipsilateral=[image_with([0, 0, 1, 1], (10, 40))],
            bilateral=[None],
        ),
        data_samples=[sample],
    )
    (found,) = EnsembleModel(model, flips=['vertical', 'horizontal']).test_step(data)
    assert model.seen == [[(25.0, 4.0)], [(25.0, 16.0)], [(5.0, 4.0)]]
    assert found.nipple == sample.main.nipple == (25.0, 4.0)
    np.testing.assert_allclose(found.pred_instances.bboxes, [[8, 4, 20, 12]])


def test_padded_masks_are_refused():
    """The padding would come back at the other edge."""
    model = BrightBox()
    plain = model.test_step

    def padded(data):
        samples = plain(data)
        for sample in samples:
            found = sample.pred_instances
            found.masks = found.masks[:, :30]
        return samples

    model.test_step = padded
    assert len(detected(EnsembleModel(model))) == 1
    with pytest.raises(ValueError, match='the test pipeline pads it'):
        detected(EnsembleModel(model, flips=['vertical']))


class Says(nn.Module):
    """Sets fields that were made before."""

    def __init__(self, **fields):
        super().__init__()
        self.fields = fields

    def test_step(self, data):
        for sample in data['data_samples']:
            for key, value in self.fields.items():
                sample.set_field(value, key)
        return data['data_samples']


def said(*models, flips=()):
    data = dict(inputs=[torch.zeros(1, 2, 3)], data_samples=[DataSample()])
    (sample,) = EnsembleModel(models[0], models[1:], flips=flips).test_step(data)
    return sample


def test_classifiers_are_averaged():
    """The label is that of the mean, not of most."""
    scores = [[0.55, 0.45], [0.55, 0.45], [0.05, 0.95]]
    models = [
        Says(
            pred_score=torch.tensor(s),
            pred_label=torch.tensor([0]),
            malignancy=s[1],
        )
        for s in scores
    ]
    found = said(*models)
    np.testing.assert_allclose(found.pred_score, np.mean(scores, axis=0))
    assert found.pred_label.tolist() == [1]
    assert found.malignancy == pytest.approx(np.mean(scores, axis=0)[1])


def test_maps_are_averaged():
    one, other = torch.rand(2, 2, 3)
    found = said(Says(heat_map=one), Says(heat_map=other), flips=['horizontal'])
    expected = (one + other + one.flip(-1) + other.flip(-1)) / 4
    np.testing.assert_allclose(found.heat_map, expected, rtol=1e-5)


def test_segmentations_are_averaged():
    """What most of the probability says is mass."""
    maps = torch.tensor([[[[0.9, 0.6]]], [[[0.4, 0.3]]]])
    models = [
        Says(pred_sem_seg=PixelData(sem_seg=(m > 0.5).long(), probability=m))
        for m in maps
    ]
    found = said(*models).pred_sem_seg
    np.testing.assert_allclose(found.probability, maps.mean(dim=0))
    assert found.sem_seg.tolist() == [[[1, 0]]] and found.sem_seg.dtype == torch.long


def test_what_cannot_be_merged_is_named():
    with pytest.raises(ValueError, match='pred_panoptic_seg'):
        said(Says(pred_panoptic_seg=PixelData()))


class Examines(nn.Module):
    """Judges an exam by one side, as NaFV-Net."""

    def __init__(self, malignant, side, mass):
        super().__init__()
        self.malignant, self.side, self.mass = malignant, side, mass

    def test_step(self, data):
        (sample,) = data['data_samples']
        sample.pred_score = torch.tensor([1 - self.malignant, self.malignant])
        sample.pred_label = sample.pred_score.argmax(dim=0, keepdim=True)
        sample.set_metainfo(dict(examined_side=self.side, affected_side=self.side))
        for name in ('RCC', 'LCC'):
            probability = torch.full((1, 1, 2), self.mass[name[0]])
            sample.get(name).pred_sem_seg = PixelData(
                sem_seg=(probability > 0.5).long(), probability=probability
            )
        shown = sample.get(f'{self.side}CC')
        shown.heat_map = torch.full((1, 2), self.malignant)
        shown.pred_label = sample.pred_label
        return [sample]


def test_exams_by_one_side():
    """Heat maps are those of the merged label in the side of most that have it."""
    sample = MultiViewDataSample()
    for name in ('RCC', 'LCC'):
        sample.set_data({name: view(laterality=name[0])})
    images = {name: [torch.zeros(1, 1, 2)] for name in ('RCC', 'LCC')}
    data = dict(inputs=images, data_samples=[sample])
    models = [
        Examines(0.2, 'R', dict(R=0.7, L=0.1)),
        Examines(0.9, 'L', dict(R=0.2, L=0.6)),
        Examines(0.8, 'L', dict(R=0.2, L=0.9)),
        Examines(0.7, 'R', dict(R=0.6, L=0.7)),
    ]
    (found,) = EnsembleModel(models[0], models[1:]).test_step(data)
    assert float(found.pred_score[1]) == pytest.approx(0.65)
    assert (found.examined_side, found.affected_side) == ('L', 'L')
    assert 'heat_map' not in found.RCC and 'pred_label' not in found.RCC
    np.testing.assert_allclose(found.LCC.heat_map, [[0.85, 0.85]])
    assert found.LCC.pred_label.tolist() == [1]
    np.testing.assert_allclose(found.RCC.pred_sem_seg.probability, [[[0.425] * 2]])
