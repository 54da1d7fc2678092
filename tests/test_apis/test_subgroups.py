"""Subgroups by columns of annotations."""

import json

import pytest

from mammo_plugins.apis.calibration import Calibration
from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.apis.subgroups import Column, subgroups
from mammo_plugins.io import JsonError, file_sha256

FACTS = dict(
    format='mammo_plugins.calibration/1',
    checkpoint_sha256=['0' * 64],
    tta=None,
    scores={},
    operating_point=dict(score='breasts.malignancy', threshold=0.5),
)


@pytest.fixture
def annotations(tmp_path, phantom_root):
    """Eight views of two exams, with ages, vendors and lesions of known size."""
    data = json.loads((phantom_root / 'annotations/test.json').read_text())
    image = data['images'][0]
    names = [
        (exam, side, view) for exam in 'pq' for side in 'LR' for view in ('CC', 'MLO')
    ]
    data['images'] = [
        dict(
            image,
            id=i,
            file_name=f'{i}.dcm',
            exam_id=exam,
            patient_id=exam,
            laterality=side,
            view=view,
            density='AB'[exam == 'q'],
            age=dict(p=49, q=60)[exam],
            vendor='X' if exam == 'p' else None,
            pixel_spacing_mm=[0.2, 0.1],
            width=200,
            height=400,
            breast_bbox=None,
            nipple=None,
            birads=None,
            abnormal=None,
        )
        for i, (exam, side, view) in enumerate(names)
    ]
    lesion = dict(
        category_id=1,
        iscrowd=0,
        segmentation=[],
        birads=None,
        pathology=None,
        lesion_id=None,
    )
    boxes = {
        0: [[0, 0, 50, 20], [5, 5, 80, 30]],
        1: [[0, 0, 10, 60]],
        6: [[9, 9, 90, 90]],
    }
    data['annotations'] = [
        dict(lesion, id=10 * i + k, image_id=i, bbox=box, area=box[2] * box[3])
        for i, found in boxes.items()
        for k, box in enumerate(found)
    ]
    path = tmp_path / 'test.json'
    path.write_text(json.dumps(data))
    return path


@pytest.fixture
def result(tmp_path):
    """Breasts of which two are positive."""
    samples = dict(
        label=[1, 0, 0, 1],
        score=[0.9, 0.3, 0.6, 0.4],
        patient=[0, 0, 1, 1],
        exam=[0, 0, 1, 1],
        images=[[0, 1], [2, 3], [4, 5], [6, 7]],
    )
    path = tmp_path / 'roc.json'
    tested = dict(
        score='breasts.malignancy',
        checkpoint_sha256=['0' * 64],
        tta=None,
        part=[str(tmp_path / 'test.json')],
    )
    path.write_text(json.dumps(dict(samples=samples, tested=tested)))
    return path


def rows(result, annotations, column, *args):
    (table,) = subgroups(
        result, annotations, [Column.parse(column)], *args, n_bootstrap=5
    ).values()
    return {
        row['group']: (row['samples'], row['positives'], row['auc'], row['sensitivity'])
        for row in table
    }


def test_images(result, annotations):
    assert rows(result, annotations, 'density', 0.5) == {
        None: (4, 2, 0.75, 0.5),
        'A': (2, 1, 1.0, 1.0),
        'B': (2, 1, 0.0, 0.0),
    }
    assert [*rows(result, annotations, 'vendor')] == [None, 'X', 'unknown']
    assert [*rows(result, annotations, 'view')] == [None, 'mixed']
    assert rows(result, annotations, 'laterality')['L'][:2] == (2, 1)


def test_numbers(result, annotations):
    """An edge belongs to the group above; groups are in the order of numbers."""
    assert [*rows(result, annotations, 'age=50,60')] == [
        None,
        'below 50',
        '60 and more',
    ]
    assert [*rows(result, annotations, 'age=49,50,100')] == [
        None,
        '49 to 50',
        '50 to 100',
    ]
    assert [*rows(result, annotations, 'age')] == [None, '49', '60']


def test_lesions(result, annotations):
    """By the longer side of the largest in mm: 60 rows of 0.2, 90 rows of 0.2."""
    found = rows(result, annotations, 'lesion_size_mm=15', 0.5)
    assert found == {
        None: (4, 2, 0.75, 0.5),
        'below 15': (3, 1, 1.0, 1.0),
        '15 and more': (3, 1, 0.5, 0.0),
    }
    assert [*rows(result, annotations, 'lesion_size_mm')] == [None, '12.0', '18.0']
    assert [*rows(result, annotations, 'lesion.birads')] == [None, 'unknown']


def test_exams_at_the_stored_threshold(result, annotations):
    found = rows(result, annotations, 'density', None, Calibration(FACTS))
    assert found == {
        None: (2, 2, None, 1.0),
        'A': (1, 1, None, 1.0),
        'B': (1, 1, None, 1.0),
    }


def test_mistakes(result, annotations, tmp_path):
    with pytest.raises(ConfigError, match="no column 'densty' in images; .*density"):
        rows(result, annotations, 'densty')
    with pytest.raises(ConfigError, match="column density: 'A' is no number"):
        rows(result, annotations, 'density=1,2')
    for text in ('age=', 'age=a', 'age=60,50', 'age=50,50', '=3', 'age=nan'):
        with pytest.raises(ValueError, match='ascending'):
            Column.parse(text)
    with pytest.raises(FileNotFoundError, match='mammo test writes it'):
        rows(tmp_path / 'none.json', annotations, 'density')
    content = json.loads(result.read_text())
    samples = content['samples']
    samples['images'][2] = [77]
    result.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match='1 of 4 samples are of images that'):
        rows(result, annotations, 'density')
    samples['images'][2], samples['exam'][0] = [4], None
    result.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match='exam_id'):
        rows(result, annotations, 'density', None, Calibration(FACTS))
    for text, said in (('{"samples": 3}', 'of one length'), ('{}', 'no samples')):
        result.write_text(text)
        with pytest.raises(JsonError, match=said):
            rows(result, annotations, 'density')


def change(result, **tested):
    content = json.loads(result.read_text())
    content['tested'].update(tested)
    result.write_text(json.dumps(content))


def test_other_annotations_with_the_same_ids(result, annotations, tmp_path):
    """Every part numbers its images from 1: ids alone would give a table."""
    other = tmp_path / 'val.json'
    data = json.loads(annotations.read_text())
    for image in data['images']:
        image['density'] = 'D'
    other.write_text(json.dumps(data))
    with pytest.raises(ConfigError, match='test.json was tested, not .*val.json'):
        rows(result, other, 'density')
    link = tmp_path / 'link.json'
    link.symlink_to(annotations)
    expected = rows(result, annotations, 'density')
    assert rows(result, link, 'density') == expected
    # tested elsewhere: the content counts
    change(result, part=['/gone/test.json'], part_sha256=[file_sha256(annotations)])
    assert rows(result, annotations, 'density') == expected
    with pytest.raises(ConfigError, match='/gone/test.json was tested'):
        rows(result, other, 'density')
    # the tested file gained a column
    change(result, part=[str(other)], part_sha256=['0' * 64])
    assert rows(result, other, 'density')['D'][0] == 4
    change(result, part=[str(other), str(annotations)])
    with pytest.raises(ConfigError, match='was tested, not'):
        rows(result, other, 'density')
    for part in (None, [], 'test.json', [1]):
        change(result, part=part)
        with pytest.raises(ConfigError, match='does not state which annotation file'):
            rows(result, annotations, 'density')


@pytest.mark.parametrize(
    'tested, said',
    [
        (dict(checkpoint_sha256=['1' * 64]), 'for other checkpoints'),
        (dict(checkpoint_sha256=['0' * 64] * 2), 'for other checkpoints'),
        (dict(tta='flip'), r'for --tta none \(the test: flip\)'),
        (dict(score='pairs.asymmetric'), r'another score, breasts.malignancy \(the'),
        (dict(score=None), 'another score'),
        (dict(checkpoint_sha256=None), 'does not state which model was tested'),
    ],
)
def test_the_calibration_of_another_model(result, annotations, tested, said):
    change(result, **tested)
    with pytest.raises(ConfigError, match=said):
        rows(result, annotations, 'density', None, Calibration(FACTS, 'c.json'))


def test_a_calibration_without_a_threshold(result, annotations):
    calibration = Calibration(dict(FACTS, operating_point=None), 'c.json')
    with pytest.raises(ConfigError, match='c.json: operating_point is null'):
        rows(result, annotations, 'density', None, calibration)
