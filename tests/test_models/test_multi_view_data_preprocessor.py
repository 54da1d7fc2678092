"""Batches of several views, some of them missing."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData, PixelData

from mammo_plugins.models.data_preprocessors import (
    MammogramDataPreprocessor,
    MultiViewDataPreprocessor,
)
from mammo_plugins.models.multi_view import ViewMask, own_image, view_key
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample


def packed(**sizes):
    """A sample with an image of the given (h, w) for each view, or None."""
    sample, inputs = MultiViewDataSample(), {}
    for i, (name, size) in enumerate(sizes.items()):
        inputs[name] = None
        if size is None:
            continue
        inputs[name] = torch.rand(1, *size)
        view = DetDataSample(metainfo=dict(img_shape=size, img_id=i))
        view.gt_instances = InstanceData(
            bboxes=HorizontalBoxes(torch.tensor([[0.0, 0.0, 4.0, 4.0]]))
        )
        view.gt_sem_seg = PixelData(sem_seg=torch.zeros(1, *size, dtype=torch.uint8))
        sample.set_data({name: view})
    return dict(inputs=inputs, data_samples=sample)


@pytest.fixture
def batch():
    torch.manual_seed(0)
    return [
        packed(main=(40, 30), ipsilateral=(50, 20), bilateral=(40, 30)),
        packed(main=(33, 32), ipsilateral=None, bilateral=(33, 32)),
        packed(main=(64, 10), ipsilateral=(70, 70), bilateral=None),
    ]


@pytest.fixture
def preprocessor():
    return MultiViewDataPreprocessor(
        mean=0.5, std=0.25, num_channels=2, pad_size_divisor=32
    )


def test_views_are_batched_by_name(batch, preprocessor):
    data = preprocessor(pseudo_collate(batch), training=True)
    assert {k: tuple(v.shape) for k, v in data['inputs'].items()} == {
        'main': (3, 2, 96, 96),
        'ipsilateral': (2, 2, 96, 96),
        'bilateral': (2, 2, 96, 96),
    }
    mask = ViewMask.of_samples(data['data_samples'], tuple(data['inputs']))
    assert mask.rows_with('ipsilateral') == [0, 2]
    for name in data['inputs']:
        for row, i in enumerate(mask.rows_with(name)):
            height, width = batch[i]['inputs'][name].shape[1:]
            image = data['inputs'][name][row]
            wanted = (batch[i]['inputs'][name] - 0.5) / 0.25
            assert torch.allclose(image[:, :height, :width], wanted.expand(2, -1, -1))
            assert (image[:, height:] == -2).all()  # black
    for i in mask.rows_with('bilateral'):
        sample = data['data_samples'][i].bilateral
        assert sample.batch_input_shape == (96, 96)
        assert isinstance(sample.gt_instances.bboxes, torch.Tensor)
        assert sample.gt_sem_seg.sem_seg.shape[1:] == (96, 96)
        assert sample.gt_sem_seg.sem_seg[0, -1, -1] == 255


def test_a_view_that_none_has_is_absent(preprocessor):
    data = preprocessor(
        pseudo_collate(
            [
                packed(main=(32, 32), ipsilateral=None),
                packed(main=(32, 32), ipsilateral=None),
            ]
        )
    )
    assert list(data['inputs']) == ['main']


def test_single_images_pass_as_before(preprocessor):
    data = dict(
        inputs=[torch.rand(1, 20, 30)],
        data_samples=[DetDataSample(metainfo=dict(img_shape=(20, 30)))],
    )
    plain = MammogramDataPreprocessor(
        mean=0.5, std=0.25, num_channels=2, pad_size_divisor=32
    )
    assert torch.equal(preprocessor(data)['inputs'], plain(data)['inputs'])


def test_own_image_does_not_depend_on_the_batch(batch, preprocessor):
    together = preprocessor(pseudo_collate(batch))
    for i, packed_sample in enumerate(batch):
        alone = preprocessor(pseudo_collate([packed_sample]))
        assert torch.equal(
            own_image(together['inputs']['main'], i, together['data_samples'][i].main),
            own_image(alone['inputs']['main'], 0, alone['data_samples'][0].main),
        )


def test_key_tells_images_apart():

    def key(**changes):
        return view_key(
            DetDataSample(
                metainfo=dict(dict(img_shape=(32, 16), fingerprint=7), **changes)
            )
        )

    assert key() == key(img_id=3)
    assert key() != key(fingerprint=8)
    assert key() != key(img_shape=(16, 32))


def test_sample_moves_with_its_views(batch):
    sample = batch[0]['data_samples']
    assert sample.view_names == ['main', 'ipsilateral', 'bilateral']
    moved = sample.to(torch.float64)
    assert moved.main.gt_sem_seg.sem_seg.dtype == torch.float64
    assert batch[1]['data_samples'].view_names == ['main', 'bilateral']
