"""Cutting patches: geometry in closed form, edges, and the torch counterpart."""

import cv2
import numpy as np
import pytest
import torch

from mammo_plugins.datasets.transforms import CropPatch, RandomCropPatch
from mammo_plugins.models.utils import crop_patches
from mammo_plugins.structures import AnnotationError


def ramp(height, width):
    """Grey value 0.002 x + 0.003 y at the centre of each pixel."""
    y, x = np.mgrid[:height, :width] + 0.5
    return (0.002 * x + 0.003 * y).astype(np.float32)


def smooth(height, width, seed=0):
    noise = np.random.default_rng(seed).uniform(size=(height, width))
    image = cv2.GaussianBlur(noise, (0, 0), 6)
    image = (image - image.min()) / np.ptp(image)
    return image.astype(np.float32)


def crop(image, box, matrix=np.eye(3), step=CropPatch, **arguments):
    return step(**arguments).transform(
        dict(
            img=image,
            patch_box=box,
            homography_matrix=np.float32(matrix),
            img_path='file.dcm',
        )
    )


@pytest.mark.parametrize(
    'box',
    [
        (10, 20, 42, 84),
        (10.3, 20.6, 30.8, 40.1),
        (5, 5, 115, 75),
        (3.5, 2.5, 117, 77.7),
    ],
)
@pytest.mark.parametrize('size', [16, 64])
def test_a_ramp_stays_a_ramp(box, size):
    """Enlarged or shrunk: each pixel has the value at its own place."""
    found = crop(ramp(80, 120), box, size=size)['img']
    assert found.shape == (size, size) and found.dtype == np.float32
    steps = (np.arange(size) + 0.5) / size
    x = box[0] + steps * (box[2] - box[0])
    y = box[1] + steps * (box[3] - box[1])
    expected = 0.002 * x + 0.003 * y[:, None]
    inner = slice(1, -1) if box[3] <= 80 else slice(1, -3)
    rows = (y < 79) & (y > 1)
    np.testing.assert_allclose(
        found[rows][inner, inner], expected[rows][inner, inner], atol=0.003
    )


def test_whole_pixels_are_copied():
    image = smooth(40, 60)
    found = crop(image, (20, 8, 36, 24), size=16)['img']
    np.testing.assert_allclose(found, image[8:24, 20:36], atol=1e-6)


def test_shrinking_averages():
    image = np.indices((64, 64)).sum(0).astype(np.float32) % 2
    found = crop(image, (0, 0, 64, 64), size=16)['img']
    np.testing.assert_allclose(found, 0.5, atol=1e-6)


def test_context_grows_the_box():
    image = smooth(60, 60)
    found = crop(image, (20, 20, 30, 40), size=32, context=1.5)['img']
    expected = crop(image, (17.5, 15, 32.5, 45), size=32)['img']
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_box_of_the_file_is_mapped():
    """The image was flipped and halved: the patch is the flipped one."""
    image = smooth(60, 80)
    matrix = np.array([[-0.5, 0, 80], [0, 0.5, 0], [0, 0, 1]])
    found = crop(image, (40, 20, 80, 60), matrix, size=24)
    expected = crop(image, (40, 10, 60, 30), size=24)['img']
    np.testing.assert_allclose(found['img'], expected, atol=1e-6)
    corner = found['homography_matrix'] @ [80, 20, 1]
    np.testing.assert_allclose(corner, [0, 0, 1], atol=1e-4)


def test_outside_is_black_and_the_edge_is_sharp():
    image = np.full((40, 40), 0.8, np.float32)
    found = crop(image, (-10, 0, 10, 20), size=80)['img']
    assert (found[:, :34] == 0).all()
    np.testing.assert_allclose(found[:, 41:], 0.8)


@pytest.mark.parametrize('box', [(-9, 3, 0, 8), (3, 40, 8, 50), (60, 60, 70, 70)])
def test_wholly_outside(box):
    with pytest.raises(AnnotationError, match=r'file.dcm.*no pixel'):
        crop(smooth(40, 40), box)
    # training goes on with another sample
    assert crop(smooth(40, 40), box, step=RandomCropPatch) is None


@pytest.mark.parametrize('arguments', [dict(size=0), dict(context=0.0)])
def test_impossible_arguments(arguments):
    with pytest.raises(ValueError, match='positive'):
        CropPatch(**arguments)


STILL = dict(
    max_rotate_degree=0,
    max_translate_ratio=0,
    scaling_ratio_range=(1, 1),
    max_shear_degree=0,
)


def test_without_ranges_the_random_crop_is_the_crop():
    image = smooth(60, 80)
    found = crop(image, (10, 20, 40, 50), step=RandomCropPatch, size=32, **STILL)
    expected = crop(image, (10, 20, 40, 50), size=32)
    np.testing.assert_allclose(found['img'], expected['img'], atol=1e-6)


@pytest.mark.parametrize(
    'change',
    [
        dict(max_rotate_degree=40),
        dict(max_translate_ratio=0.2),
        dict(scaling_ratio_range=(0.6, 1.4)),
        dict(max_shear_degree=20),
        {},
    ],
)
def test_random_crop_samples_where_its_matrix_says(change):
    """A ramp's values tell where each pixel came from; no corner is black."""
    arguments = {**STILL, **change} if change else {}
    np.random.seed(1)
    image = ramp(200, 200)
    found = [
        crop(image, (70, 80, 130, 120), step=RandomCropPatch, size=32, **arguments)
        for _ in range(5)
    ]
    matrices = [f['homography_matrix'] for f in found]
    assert np.abs(matrices[0] - matrices[1]).max() > 1e-3
    v, u = np.mgrid[:32, :32] + 0.5
    for each in found:
        x, y, _ = np.linalg.inv(each['homography_matrix'].astype(float)) @ [
            u.ravel(),
            v.ravel(),
            np.ones(u.size),
        ]
        np.testing.assert_allclose(
            each['img'].ravel(), 0.002 * x + 0.003 * y, atol=0.01
        )


def test_same_seed_same_patch():
    image = smooth(60, 80)
    found = []
    for _ in range(2):
        np.random.seed(5)
        found.append(crop(image, (10, 20, 40, 50), step=RandomCropPatch, size=32))
    np.testing.assert_array_equal(found[0]['img'], found[1]['img'])


BOXES = [
    (10, 20, 42, 60),
    (3.3, 4.7, 23.1, 14.9),
    (0, 0, 110, 80),
    (60.5, 30.2, 118.4, 77.7),
    (-12, 10, 20, 40),
    (100, 60, 140, 100),
]


@pytest.mark.parametrize('size, context', [(24, 1.0), (64, 1.0), (48, 1.4)])
def test_torch_agrees(size, context):
    """Training and the composed system see the same patch; black in both."""
    image = smooth(80, 120)
    expected = np.stack(
        [crop(image, box, size=size, context=context)['img'] for box in BOXES]
    )
    mean, std = 0.3, 0.2
    tensor = (torch.from_numpy(image)[None, None] - mean) / std
    found = crop_patches(
        tensor.expand(1, 3, -1, -1),
        torch.tensor(BOXES),
        size,
        context,
        fill=-mean / std,
    )
    assert found.shape == (len(BOXES), 3, size, size)
    found = (found * std + mean).numpy()
    np.testing.assert_array_equal(found[:, 0], found[:, 2])
    difference = np.abs(found[:, 0] - expected)
    steps = (np.arange(size) + 0.5) / size - 0.5
    for box, each in zip(BOXES, difference):
        centre = np.add(box[:2], box[2:]) / 2
        extent = context * np.subtract(box[2:], box[:2])
        x, y = centre[:, None] + extent[:, None] * steps
        # where image meets black they may differ, by a pixel of image and patch
        reach = 1.5 + 1.5 * extent / size
        sure = (np.minimum(abs(y), abs(y - 80)) > reach[1])[:, None] & (
            np.minimum(abs(x), abs(x - 120)) > reach[0]
        )
        assert sure.mean() > 0.5
        assert each[sure].max() < 0.03
    assert difference.mean() < 0.02


def test_no_boxes():
    assert crop_patches(torch.rand(1, 1, 20, 20), torch.zeros(0, 4), 8).shape == (
        0,
        1,
        8,
        8,
    )
