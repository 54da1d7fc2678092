"""What the nipple detector asks for, and finding a point in another's image."""

from pathlib import Path

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from mammo_plugins.registry import MODELS

CONFIG = Path(__file__).parents[2] / 'configs/momminet/nipple-detector_phantom.py'


@pytest.fixture(scope='module')
def detector():
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mammo'):
        return MODELS.build(Config.fromfile(CONFIG).model).eval()


def brightest(inputs, samples, rescale=True):
    """Stand in for the network: the centre of mass of what shines."""
    weight = inputs[0, 0] - inputs.min()
    rows = torch.arange(weight.size(0)) + 0.5
    columns = torch.arange(weight.size(1)) + 0.5
    point = (
        torch.stack([(weight.sum(0) * columns).sum(), (weight.sum(1) * rows).sum()])
        / weight.sum()
    )
    point = point / torch.tensor(samples[0].scale_factor)
    samples[0].pred_instances = InstanceData(
        scores=torch.tensor([0.2, 0.9]),
        keypoints=torch.stack([torch.zeros(2), point])[:, None],
    )
    return samples


@pytest.mark.parametrize('shape', [(512, 256), (300, 420), (90, 50), (130, 31)])
def test_point_is_in_pixels_of_the_image_given(detector, monkeypatch, shape):
    seen = []

    def network(inputs, samples):
        seen.append(inputs)
        return brightest(inputs, samples)

    monkeypatch.setattr(detector, 'predict', network)
    height, width = shape
    image = torch.full((1, 1, height + 40, width + 17), -1.5)
    y, x = int(height * 0.7), int(width * 0.6)
    image[0, 0, y - 6 : y + 6, x - 6 : x + 6] = 1.0
    image[0, 0, :, width:] = 9.0  # padding must not be looked at
    image[0, 0, height:] = 9.0
    found = detector.locate(image, DetDataSample(metainfo=dict(img_shape=shape)))
    assert found == pytest.approx((x, y), abs=0.5)
    (inputs,) = seen
    assert max(inputs.shape[2:]) <= 128
    assert inputs.size(2) % 32 == inputs.size(3) % 32 == 0
    assert inputs.min() == pytest.approx(-1.5)  # the black of mean 0.3, std 0.2
    assert inputs.max() <= 1.0


def test_none_where_nothing_reaches_the_score(detector, monkeypatch):
    image = torch.rand(1, 1, 100, 60)
    sample = DetDataSample(metainfo=dict(img_shape=(100, 60)))
    rcnn = detector.roi_head.test_cfg
    monkeypatch.setitem(rcnn, 'score_thr', 0.0)
    x, y = detector.locate(image, sample)
    assert 0 <= x <= 60 and 0 <= y <= 100
    monkeypatch.setitem(rcnn, 'score_thr', 1.0)
    assert detector.locate(image, sample) is None


def test_result_does_not_depend_on_padding(detector, monkeypatch):
    monkeypatch.setitem(detector.roi_head.test_cfg, 'score_thr', 0.0)
    image = torch.rand(1, 1, 100, 60)
    padded = torch.nn.functional.pad(image, (0, 4, 0, 28), value=-1.5)
    sample = DetDataSample(metainfo=dict(img_shape=(100, 60)))
    assert detector.locate(image, sample) == detector.locate(padded, sample)


@pytest.mark.parametrize(
    'instances',
    [
        InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0).long()),
        InstanceData(
            bboxes=torch.tensor([[1.0, 1.0, 9.0, 9.0]]), labels=torch.zeros(1).long()
        ),
    ],
)
def test_an_image_without_nipple_is_no_negative(detector, instances):
    sample = DetDataSample(metainfo=dict(img_path='x.dcm', img_shape=(64, 64)))
    sample.gt_instances = instances
    with pytest.raises(ValueError, match='x.dcm: no nipple.*nipple_sources'):
        detector.loss(torch.rand(1, 1, 64, 64), [sample])
