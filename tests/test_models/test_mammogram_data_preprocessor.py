import pytest
import torch
from mmdet.structures import DetDataSample

from mammo_plugins.models import MammogramDataPreprocessor


def batch(*shapes):
    torch.manual_seed(0)
    return dict(
        inputs=[torch.rand(shape) for shape in shapes],
        data_samples=[DetDataSample() for _ in shapes],
    )


def test_normalises_and_pads_with_black():
    data = batch((1, 5, 4), (1, 8, 3))
    images = [image.clone() for image in data['inputs']]
    out = MammogramDataPreprocessor(
        mean=0.3, std=0.2, num_channels=3, pad_size_divisor=4
    )(data)
    assert out['inputs'].shape == (2, 3, 8, 4)
    for image, padded in zip(images, out['inputs']):
        _, height, width = image.shape
        expected = torch.full((8, 4), (0 - 0.3) / 0.2)
        expected[:height, :width] = (image[0] - 0.3) / 0.2
        for channel in padded:
            torch.testing.assert_close(channel, expected)
    assert out['data_samples'][0].batch_input_shape == (8, 4)
    assert out['data_samples'][0].pad_shape == (8, 4)


def test_one_channel_stays_one():
    out = MammogramDataPreprocessor(num_channels=1)(batch((1, 4, 4)))
    assert out['inputs'].shape == (1, 1, 4, 4)


def test_colour_images_are_refused():
    with pytest.raises(ValueError, match='expected one channel'):
        MammogramDataPreprocessor()(batch((3, 4, 4)))
