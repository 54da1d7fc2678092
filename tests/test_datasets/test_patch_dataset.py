"""PatchDataset: which patches, with which labels."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mammo_plugins.datasets import PatchDataset
from mammo_plugins.structures import AnnotationError, write_detections

CONFIGS = Path(__file__).parents[2] / 'configs'


def lesion(number, image_id, box, pathology, birads, crowd=0):
    x1, y1, x2, y2 = box
    return dict(
        id=number,
        image_id=image_id,
        category_id=1,
        iscrowd=crowd,
        bbox=[x1, y1, x2 - x1, y2 - y1],
        area=(x2 - x1) * (y2 - y1),
        segmentation=[],
        birads=birads,
        pathology=pathology,
        lesion_id=None,
    )


@pytest.fixture
def root(tmp_path):
    """Two views: four lesions and a crowd region in one, none in the other."""
    image = dict(
        width=100,
        height=200,
        exam_id='e',
        patient_id='p',
        view='CC',
        pixel_spacing_mm=None,
        nipple=None,
        breast_bbox=None,
        birads=None,
        density=None,
        abnormal=None,
        modality='FFDM',
        source='s',
    )
    data = dict(
        info=dict(dataset='d', converter_version='1'),
        categories=[dict(id=1, name='mass')],
        images=[
            dict(image, id=5, file_name='a.png', laterality='L'),
            dict(image, id=6, file_name='b.png', laterality='R'),
        ],
        annotations=[
            lesion(1, 5, (0, 0, 10, 10), 'malignant', '5'),
            lesion(2, 5, (20, 0, 30, 10), 'benign', None),
            lesion(3, 5, (40, 0, 50, 10), None, '4A'),
            lesion(4, 5, (60, 0, 70, 10), None, '0'),
            lesion(5, 5, (0, 100, 50, 200), None, None, crowd=1),
        ],
    )
    (tmp_path / 'ann.json').write_text(json.dumps(data))
    return tmp_path


def dataset(root, **arguments):
    return PatchDataset(
        data_root=str(root), ann_file='ann.json', pipeline=[], **arguments
    )


def labels(data):
    return [(d.get('gt_label'), d.get('gt_birads_score')) for d in data]


def test_gold_patches(root, caplog):
    data = dataset(root)
    assert labels(data) == [
        (1, pytest.approx(0.8611, abs=1e-4)),
        (0, None),
        (None, pytest.approx(0.4167, abs=1e-4)),
    ]
    first = data[0]
    assert first['patch_box'] == (0, 0, 10, 10)
    assert first['img_id'] == 5 and first['patient_id'] == 'p'
    assert first['detected'] is False and first['iou'] == 1
    assert [data.get_cat_ids(i) for i in range(3)] == [[1], [0], []]


DETECTIONS = {
    5: (
        [
            [0, 0, 10, 6],
            [40, 0, 50, 9],
            [60, 0, 70, 10],
            [80, 50, 90, 60],
            [10, 120, 30, 140],
        ],
        [0.5, 0.9, 0.8, 0.7, 0.6],
    ),
    6: ([[1, 2, 3, 4]], [0.1]),
}


def test_detected_patches(root):
    path = root / 'found.json'
    write_detections(path, DETECTIONS)
    data = dataset(root, gold=False, detection_file=str(path), max_detections=None)
    # the lesion without label and the crowd region say nothing
    assert [d['patch_box'][:2] for d in data] == [(40, 0), (80, 50), (0, 0), (1, 2)]
    assert labels(data) == [
        (None, pytest.approx(0.4167, abs=1e-4)),
        (0, None),
        (1, pytest.approx(0.8611, abs=1e-4)),
        (0, None),
    ]
    assert [d['iou'] for d in data] == pytest.approx([0.9, 0, 0.6, 0])
    assert [d['score'] for d in data] == [0.9, 0.7, 0.5, 0.1]
    assert all(d['detected'] for d in data)
    assert len(dataset(root, detection_file=str(path), max_detections=None)) == 7
    # of the two best of image 5 one says nothing
    assert len(dataset(root, gold=False, detection_file=str(path))) == 2
    assert (
        len(
            dataset(
                root,
                gold=False,
                detection_file=str(path),
                min_score=0.6,
                max_detections=None,
            )
        )
        == 2
    )
    assert labels(
        dataset(
            root, gold=False, detection_file=str(path), iou_thr=0.7, max_detections=None
        )
    )[2] == (0, None)


def test_what_is_left_out_is_logged_once(root, capsys):
    from mmengine.logging import MMLogger

    MMLogger.get_instance('patches', logger_name='mmengine')
    dataset(root)
    out = capsys.readouterr()
    text = out.out + out.err
    assert text.count('3 gold and 0 detected') == 1
    assert '1 malignant, 1 not malignant, 1 by BI-RADS only' in text
    assert '1 without any label left out' in text


def test_mistakes(root):
    with pytest.raises(ValueError, match='needs a detection_file'):
        dataset(root, gold=False)
    with pytest.raises(FileNotFoundError, match='no such detection file'):
        dataset(root, detection_file='nowhere.json')
    path = root / 'other.json'
    write_detections(path, {5: DETECTIONS[5]})
    with pytest.raises(AnnotationError, match=r'1 of 2 images.*first id 6'):
        dataset(root, detection_file=str(path))
    data = json.loads((root / 'ann.json').read_text())
    for annotation in data['annotations']:
        annotation.update(pathology=None, birads=None)
    (root / 'ann.json').write_text(json.dumps(data))
    with pytest.raises(AnnotationError, match='pathology or birads'):
        dataset(root)


def test_the_papers_patches():
    """Section 3.8: gold and detected ones for training, detected ones to be judged."""
    cfg = Config.fromfile(CONFIGS / 'momminet/malignancy_densenet121_ddsm.py')
    for part in ('train', 'val', 'test'):
        patches = cfg[f'{part}_dataloader'].dataset
        assert patches.detection_file == f'data/ddsm/detections/{part}.json'
        assert patches.get('gold', True) == (part == 'train')


@pytest.mark.parametrize('part', ['train', 'test'])
def test_pipelines_keep_float_grey_values(phantom_root, part):
    """From the file to the network's input, more than 8 bits of grey."""
    with DefaultScope.overwrite_default_scope('mammo'):
        cfg = Config.fromfile(CONFIGS / 'momminet/malignancy_densenet121_ddsm.py')
        pipeline = copy.deepcopy(cfg[f'{part}_dataloader'].dataset.pipeline)
        pipeline.image.cache_dir = None
        data = PatchDataset(
            data_root=str(phantom_root),
            ann_file='annotations/train.json',
            pipeline=pipeline,
        )
        np.random.seed(0)
        packed = data[0]
    image, sample = packed['inputs'], packed['data_samples']
    assert image.shape == (1, 448, 448) and image.dtype == torch.float32
    assert 0 <= image.min() and image.max() <= 1
    assert len(image.unique()) > 1000
    assert sample.gt_label.item() in (0, 1)
    assert 0 <= sample.gt_birads_score <= 1
    assert {
        'patient_id',
        'img_id',
        'patch_box',
        'detected',
        'iou',
        'homography_matrix',
    } <= set(sample.metainfo_keys())


def test_the_detections_of_a_fold(root):
    detections = {
        5: (np.array([[0.0, 0.0, 10.0, 10.0]]), np.array([0.9])),
        6: (np.zeros((0, 4)), np.zeros(0)),
    }
    write_detections(root / 'found_2.json', detections)
    settings = dict(gold=False, detection_file=str(root / 'found_{fold}.json'))
    assert len(dataset(root, fold=2, **settings)) == 1
    with pytest.raises(ValueError, match='found_{fold}.json: fold is None'):
        dataset(root, **settings)
