"""Whatever shrinks averages areas, in every config and in the docs."""

import ast
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.transforms import RandomResize
from mmdet.datasets.transforms import Resize as MMDetResize
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks, PolygonMasks
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mammo_plugins.datasets.transforms import Resize
from mammo_plugins.datasets.transforms.geometric import resized
from mammo_plugins.registry import TRANSFORMS

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / 'configs').rglob('*.py'))
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').rglob('*.md'))]
# transforms of others that leave the size of pixels as it is
FOREIGN = {
    'FilterAnnotations',
    'LoadAnnotations',
    'PackDetInputs',
    'PackInputs',
    'RandomCrop',
    'RandomFlip',
}


def weights(length, size):
    """(size, length): what each pixel counts in each new one, from its definition."""
    if size <= length:  # the share of the new pixel's width that it covers
        edges = np.arange(size + 1)[:, None] * length / size
        old = np.arange(length)
        covered = np.minimum(edges[1:], old + 1) - np.maximum(edges[:-1], old)
        return covered.clip(0) * size / length
    # linear between the middles of pixels
    middle = ((np.arange(size) + 0.5) * length / size - 0.5).clip(0, length - 1)
    return (1 - abs(middle[:, None] - np.arange(length))).clip(0)


@pytest.mark.parametrize(
    'shape, size',
    [
        ((60, 40), (20, 10)),  # whole factors
        ((61, 47), (23, 31)),
        ((50, 30), (49, 29)),
        ((60, 20), (17, 33)),  # one axis shrinks, the other is enlarged
        ((20, 60), (33, 17)),
        ((20, 60), (20, 13)),
        ((20, 30), (41, 70)),
        ((60, 40), (1, 1)),
        ((60, 40), (60, 40)),
    ],
)
@pytest.mark.parametrize('dtype', [np.float32, np.uint16, np.uint8])
def test_by_brute_force(shape, size, dtype):
    image = np.random.default_rng(0).random((*shape, 3))
    if dtype != np.float32:
        image = np.rint(image * np.iinfo(dtype).max)
    image = image.astype(dtype)
    along_y, along_x = (weights(*lengths) for lengths in zip(shape, size))
    expected = np.einsum('ij,jkc,lk->ilc', along_y, image.astype(float), along_x)
    for step in (
        Resize(size[::-1]),
        Resize(scale_factor=(size[1] / shape[1] + 1e-9, size[0] / shape[0] + 1e-9)),
    ):
        made = step(dict(img=image.copy()))
        assert made['img'].dtype == dtype and made['img_shape'] == size
        assert made['scale_factor'] == (size[1] / shape[1], size[0] / shape[0])
        # integers are rounded once an axis
        np.testing.assert_allclose(
            made['img'], expected, atol=1e-5 if dtype == np.float32 else 1.1
        )
    np.testing.assert_array_equal(
        resized(image[..., 0], size), resized(image, size)[..., 0]
    )


@pytest.mark.parametrize('channels', [1, 4, 5, 9])
@pytest.mark.parametrize('size', [(20, 10), (23, 31), (49, 60), (70, 90), (61, 47)])
def test_any_number_of_channels(channels, size):
    """OpenCV's own averages at most four by factors that are not whole."""
    image = np.random.default_rng(0).random((61, 47, channels)).astype(np.float32)
    made = resized(image, size)
    assert made.shape == (*size, channels) and made.dtype == np.float32
    along_y, along_x = (weights(*lengths) for lengths in zip(image.shape, size))
    np.testing.assert_allclose(
        made, np.einsum('ij,jkc,lk->ilc', along_y, image, along_x), atol=1e-5
    )


def test_noise_of_a_mammogram():
    """Each of the 7.875 pixels of an area counts alike: sd / sqrt(7.875) at most.

    It is less by what neighbours share of a pixel between them; the closed form is
    the product over axes of the root mean square weights.
    """
    image = np.random.default_rng(0).normal(0.5, 0.020, (2800, 1800)).astype(np.float32)
    made = Resize((800, 800))(dict(img=image))['img']
    rms = [
        np.sqrt((weights(length, 800) ** 2).sum(1).mean()) for length in (2800, 1800)
    ]
    assert np.prod(rms) < 1 / np.sqrt(3.5 * 2.25)
    assert made.std() == pytest.approx(0.020 * np.prod(rms), rel=0.01)
    assert made.std() == pytest.approx(0.0064, abs=0.0001)
    plain = MMDetResize((800, 800))(dict(img=image))['img']
    assert plain.std() > 0.0125  # what it is about


@pytest.mark.parametrize('keep_ratio', [False, True])
@pytest.mark.parametrize('masks', ['bitmap', 'polygon'])
@pytest.mark.parametrize('scale', [(30, 70), (45, 45), (200, 90), (90, 200), 0.37])
def test_all_but_the_pixels_as_mmdet(keep_ratio, masks, scale):
    """Boxes, masks, maps, homography and keys are those of mmdet's transform."""
    rng = np.random.default_rng(1)
    shape = 93, 61
    outline = np.array([10.0, 20, 41, 22, 37, 63, 12, 55])
    mask = np.zeros(shape, np.uint8)
    mask[20:60, 10:40] = 1

    def sample():
        return dict(
            img=rng.random(shape).astype(np.float32),
            gt_bboxes=HorizontalBoxes(
                torch.tensor([[10.0, 20, 41, 63], [-4, 2, 70, 9]])
            ),
            gt_masks=BitmapMasks([mask, mask], *shape)
            if masks == 'bitmap'
            else PolygonMasks([[outline], [outline]], *shape),
            gt_seg_map=mask.copy(),
            homography_matrix=np.diag([2.0, 3, 1]).astype(np.float32),
        )

    options = (
        dict(scale_factor=scale) if isinstance(scale, float) else dict(scale=scale)
    )
    ours, theirs = (
        step(**options, keep_ratio=keep_ratio)(sample())
        for step in (Resize, MMDetResize)
    )
    assert set(ours) == set(theirs)
    assert ours['img'].shape == theirs['img'].shape == ours['img_shape']
    for key in ('img_shape', 'scale', 'scale_factor', 'keep_ratio'):
        assert ours[key] == theirs[key], key
    for key in ('gt_seg_map', 'homography_matrix'):
        np.testing.assert_array_equal(ours[key], theirs[key])
    assert torch.equal(ours['gt_bboxes'].tensor, theirs['gt_bboxes'].tensor)
    np.testing.assert_array_equal(
        ours['gt_masks'].to_ndarray(), theirs['gt_masks'].to_ndarray()
    )


def test_name_under_both_scopes():
    """A plain mmdet config keeps its own; under ours every ``Resize`` averages."""
    for scope, expected in (('mammo', Resize), ('mmdet', MMDetResize)):
        with DefaultScope.overwrite_default_scope(scope):
            assert TRANSFORMS.get('mammo.Resize') is Resize
            random = TRANSFORMS.build(
                dict(
                    type='mmcv.RandomResize',
                    scale=(64, 64),
                    ratio_range=(1.0, 1.2),
                    resize_type='mammo.Resize',
                    keep_ratio=False,
                )
            )
            assert type(random.resize) is Resize
            random = RandomResize((64, 64), (1.0, 1.2), keep_ratio=False)
            assert type(random.resize) is expected
    assert TRANSFORMS.get('Resize') is Resize


def named(source):
    """Yield each ``dict(...)`` of a source as its literal arguments."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'dict':
            yield {
                keyword.arg: keyword.value.value
                for keyword in node.keywords
                if isinstance(keyword.value, ast.Constant)
            }
        if isinstance(node, ast.Dict):
            yield {
                key.value: value.value
                for key, value in zip(node.keys, node.values)
                if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
            }


def others(source):
    """Transforms that a source names and that might shrink without averaging."""
    found = []
    for step in named(source):
        name = step.get('type')
        cls = TRANSFORMS.get(name) if isinstance(name, str) else None
        if cls is None or cls.__module__.startswith('mammo_plugins'):
            continue
        if cls is RandomResize and step.get('resize_type') == 'mammo.Resize':
            continue
        if cls.__name__ not in FOREIGN:
            found.append(name)
    return found


@pytest.mark.parametrize(
    'source, expected',
    [
        ("a = dict(type='Resize', scale=(3, 3))", []),
        ("a = dict(type='mmdet.Resize', scale=(3, 3))", ['mmdet.Resize']),
        (
            "a = [{'type': 'mmpretrain.ResizeEdge', 'scale': 3}]",
            ['mmpretrain.ResizeEdge'],
        ),
        ("a = dict(type='RandomResizedCrop', scale=3)", ['RandomResizedCrop']),
        ("a = dict(type='RandomAffine')", ['RandomAffine']),
        ("a = dict(type='RandomResize', scale=(3, 3))", ['RandomResize']),
        ("a = dict(type='RandomResize', resize_type='mammo.Resize')", []),
        ("a = dict(type='RandomResize', resize_type='mmdet.Resize')", ['RandomResize']),
    ],
)
def test_others_are_found(source, expected):
    with DefaultScope.overwrite_default_scope('mammo'):
        assert others(source) == expected


def test_no_config_names_another():
    assert len(CONFIGS) > 150
    with DefaultScope.overwrite_default_scope('mammo'):
        found = {str(path): others(path.read_text()) for path in CONFIGS}
        # what names our scope is under another, where 'Resize' is mmdet's
        for path in PAGES:
            for block in re.findall(r'```python\n(.*?)```', path.read_text(), re.S):
                block = textwrap.dedent(block)
                found[f'{path}: {block}'] = others(block) + (
                    re.findall("type='Resize'", block) if 'mammo.Load' in block else []
                )
    assert not {path: names for path, names in found.items() if names}


def steps_of(node):
    """Yield the resizing steps of a config."""
    if isinstance(node, dict):
        if str(node.get('type')).endswith(('Resize', 'ResizeWithin')):
            yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for part in node:
            yield from steps_of(part)


@pytest.mark.parametrize(
    'path',
    sorted((ROOT / 'configs/_base_/tasks').iterdir()),
    ids=lambda path: path.stem,
)
def test_steps_of_configs_average(path):
    """Each new pixel is the mean of those that it covers."""
    steps = {
        str(step): step for step in steps_of(Config.fromfile(path)._cfg_dict.to_dict())
    }
    assert steps
    for step in steps.values():
        with DefaultScope.overwrite_default_scope('mammo'):
            built = TRANSFORMS.build(step)
        # as it is but for the size, which takes time
        width, height = built.scale = tuple(side // 8 for side in built.scale)
        noise = np.random.default_rng(0).random((2 * height, 2 * width), np.float32)
        if isinstance(built, RandomResize):
            built.ratio_range = (1.0, 1.0)
        made = built(dict(img=noise))['img']
        assert isinstance(built, (Resize, RandomResize))
        assert made.shape == (height, width)
        np.testing.assert_allclose(
            made, noise.reshape(height, 2, width, 2).mean((1, 3)), atol=1e-5
        )
