"""The nipple as an instance, and the images that have none."""

import json

import numpy as np
import pytest
from mmengine.registry import DefaultScope

from mammo_plugins.datasets import ExamDataset
from mammo_plugins.datasets.transforms import NippleInstances
from mammo_plugins.structures import AnnotationError

META = (
    'img_id',
    'img_path',
    'img_shape',
    'homography_matrix',
    'flip',
    'canonical_frame',
    'nipple_source',
)


def dataset(root, *steps, ann_file='annotations/train.json', sources=('annotation',)):
    with DefaultScope.overwrite_default_scope('mammo'):
        return ExamDataset(
            data_root=str(root),
            ann_file=str(ann_file),
            filter_cfg=dict(filter_empty_gt=False, nipple_sources=sources),
            pipeline=[
                dict(type='SelectView'),
                dict(type='LoadMammogram'),
                dict(type='ResizeWithin', max_height=64, max_width=64),
                *steps,
                dict(type='NippleInstances', side=0.2),
                dict(type='PackNippleInputs', meta_keys=META),
            ],
        )


def flip(direction):
    return dict(type='RandomFlip', prob=1.0, direction=direction)


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_keypoint_and_box_follow_flips(phantom_root, direction):
    plain, flipped = dataset(phantom_root), dataset(phantom_root, flip(direction))
    for i in range(8):
        before, after = plain[i]['data_samples'], flipped[i]['data_samples']
        height, width = before.img_shape
        x, y = before.gt_instances.keypoints[0, 0].tolist()
        x1, y1, x2, y2 = before.gt_instances.bboxes.tensor[0].tolist()
        if direction in ('horizontal', 'diagonal'):
            x, x1, x2 = width - x, width - x2, width - x1
        if direction in ('vertical', 'diagonal'):
            y, y1, y2 = height - y, height - y2, height - y1
        found = after.gt_instances
        assert after.flip
        assert found.keypoints[0, 0].numpy() == pytest.approx((x, y), abs=1e-3)
        assert found.bboxes.tensor[0].numpy() == pytest.approx(
            (x1, y1, x2, y2), abs=1e-3
        )
        assert after.nipple == pytest.approx((x, y), abs=1e-3)


def test_keypoint_is_where_the_file_says(phantom_root):
    """Crop, mirror and scale computed from the frame."""
    data = dataset(phantom_root)
    sides = set()
    for i in range(len(data)):
        sample = data[i]['data_samples']
        x, y = data.get_data_info(i)['views']['main']['nipple']
        frame = sample.canonical_frame
        x1, y1, x2, y2 = frame['crop']
        x = x2 - x if frame['flipped'] else x - x1
        scale = np.divide(sample.img_shape[::-1], (x2 - x1, y2 - y1))
        assert sample.gt_instances.keypoints[0, 0].numpy() == pytest.approx(
            np.array([x, y - y1]) * scale, abs=1e-3
        )
        assert sample.gt_instances.labels.tolist() == [0]
        sides.add(frame['flipped'])
    assert sides == {True, False}


def made(nipple):
    return dict(
        img=np.zeros((100, 60), np.float32),
        nipple=nipple,
        homography_matrix=np.diag([0.5, 0.5, 1]).astype(np.float32),
    )


@pytest.mark.parametrize(
    'nipple, box',
    [
        ((80, 120), (30, 50, 50, 70)),
        ((116, 4), (48, 0, 60, 12)),  # as far as the image goes
    ],
)
def test_box_is_a_square_around_the_nipple(nipple, box):
    results = NippleInstances(side=0.2)(made(nipple))
    assert results['gt_bboxes'].tensor.numpy() == pytest.approx(np.array([box]))
    assert results['gt_keypoints'] == pytest.approx(np.array([[nipple]]) / 2)


@pytest.mark.parametrize('nipple', [None, (130, 50), (50, -2)])
def test_image_without_nipple_is_given_up(nipple):
    assert NippleInstances()(made(nipple)) is None


def annotations(root, path, change):
    data = json.loads((root / 'annotations/train.json').read_text())
    for i, image in enumerate(data['images']):
        image.update(change(i))
    path.write_text(json.dumps(data))
    return path


def test_unknown_and_found_nipples_are_left_out_of_training(
    phantom_root, tmp_path, monkeypatch
):
    said = []
    monkeypatch.setattr(
        'mammo_plugins.datasets.exam_dataset.print_log',
        lambda text, **_: said.append(text),
    )
    path = annotations(
        phantom_root,
        tmp_path / 'a.json',
        lambda i: [{}, dict(nipple=None), dict(nipple_source='contour')][i % 3],
    )
    total = len(json.loads(path.read_text())['images'])
    data = dataset(phantom_root, ann_file=path)
    assert len(data) == -(-total // 3)
    assert f'{total - len(data)} of {total} samples left out' in said[0]
    for i in range(len(data)):
        assert data[i]['data_samples'].nipple_source == 'annotation'
    more = dataset(phantom_root, ann_file=path, sources=('annotation', 'contour'))
    assert len(more) == total - len(range(1, total, 3))


def test_no_nipple_at_all_is_an_error(phantom_root, tmp_path):
    path = annotations(phantom_root, tmp_path / 'a.json', lambda i: dict(nipple=None))
    with pytest.raises(AnnotationError, match='a.json: no nipple is known.*annotate'):
        dataset(phantom_root, ann_file=path)
