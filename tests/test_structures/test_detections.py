"""The detection file: written whole, read back, refused where it is wrong."""

import json

import numpy as np
import pytest

from mammo_plugins.structures import AnnotationError, read_detections, write_detections


def test_round_trip_sorts_by_score(tmp_path):
    path = tmp_path / 'new' / 'detections.json'
    boxes = np.array([[0, 0, 2, 3], [1.5, 2, 7, 9.25], [4, 4, 6, 6]])
    write_detections(
        path,
        {7: (boxes, np.array([0.2, 0.9, 0.5])), 3: (np.zeros((0, 4)), np.zeros(0))},
        dict(model='m'),
    )
    found = read_detections(path)
    assert list(found) == [3, 7]
    assert found[3][0].shape == (0, 4) and found[3][1].shape == (0,)
    np.testing.assert_array_equal(found[7][0], boxes[[1, 2, 0]])
    np.testing.assert_array_equal(found[7][1], [0.9, 0.5, 0.2])
    assert json.loads(path.read_text())['info'] == {'model': 'm'}
    assert [p.name for p in path.parent.iterdir()] == ['detections.json']


def test_boxes_without_area_are_left_out(tmp_path):
    path = tmp_path / 'd.json'
    boxes = [[0, 0, 0, 5], [1, 1, 2, 2], [3, 3, 2, 9]]
    write_detections(path, {1: (boxes, [0.9, 0.8, 0.7])})
    np.testing.assert_array_equal(read_detections(path)[1][0], [[1, 1, 2, 2]])


def test_nan_is_not_written(tmp_path):
    with pytest.raises(ValueError):
        write_detections(tmp_path / 'd.json', {1: ([[0, 0, 1, 1]], [np.nan])})
    assert not list(tmp_path.iterdir())


def image(**change):
    return {'img_id': 1, 'detections': [{'bbox': [0, 0, 1, 1], 'score': 1, **change}]}


@pytest.mark.parametrize(
    'content, message',
    [
        ('{', 'not a JSON file'),
        ('[]', 'images'),
        ({'images': 3}, 'images'),
        ({'images': [7]}, r'images\[0\].img_id'),
        ({'images': [{'img_id': 'a', 'detections': []}]}, r'images\[0\].img_id'),
        ({'images': [{'img_id': 1, 'detections': []}] * 2}, r'images\[1\].img_id'),
        ({'images': [{'img_id': 1}]}, r'images\[0\].detections'),
        (
            {'images': [image(), dict(image(bbox=[0, 0, 0, 1]), img_id=2)]},
            r'images\[1\].detections\[0\].bbox',
        ),
        ({'images': [image(bbox=[0, 0, 1])]}, r'detections\[0\].bbox'),
        ({'images': [image(score='high')]}, r'detections\[0\].score'),
        ({'images': [image(score=float('nan'))]}, 'NaN, which is not JSON'),
    ],
)
def test_faults_are_named(content, message, tmp_path):
    path = tmp_path / 'faulty.json'
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(AnnotationError, match=message) as error:
        read_detections(path)
    assert str(path) in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='detection_file=None'):
        read_detections(tmp_path / 'none.json')
