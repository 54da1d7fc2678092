import copy
import json

import pytest

from mammo_plugins.structures import (
    AnnotationError,
    exams_from_coco,
    load_coco_exam,
    validate_coco_exam,
)


def image(id=1, **changes):
    facts = dict(
        id=id,
        file_name=f'{id}.png',
        width=60,
        height=80,
        exam_id='e1',
        patient_id='p1',
        laterality='L',
        view='CC',
        pixel_spacing_mm=[0.1, 0.1],
        nipple=None,
        breast_bbox=None,
        birads='4A',
        density='B',
        abnormal=True,
        modality='FFDM',
        source='a.dcm',
    )
    return {**facts, **changes}


def annotation(id=1, **changes):
    facts = dict(
        id=id,
        image_id=1,
        category_id=1,
        bbox=[1, 2, 10, 20],
        area=200,
        iscrowd=0,
        segmentation=[],
        birads=None,
        pathology='malignant',
        lesion_id='l1',
    )
    return {**facts, **changes}


@pytest.fixture
def data():
    return dict(
        info=dict(dataset='test', split='train'),
        images=[image(1), image(2, view='MLO'), image(3, laterality='R')],
        annotations=[annotation(1), annotation(2, image_id=2)],
        categories=[dict(id=1, name='mass')],
    )


def test_a_sound_file_has_no_faults(data):
    assert validate_coco_exam(data) == []


@pytest.mark.parametrize(
    'where, key, value, said',
    [
        ('images', 'laterality', 'left', "images[0].laterality: 'left'"),
        ('images', 'view', 'ML', "expected one of ('CC', 'MLO')"),
        ('images', 'width', 0, 'images[0].width: 0'),
        ('images', 'width', True, 'images[0].width: True'),
        ('images', 'density', 'E', 'images[0].density'),
        ('images', 'nipple', [1, float('nan')], 'images[0].nipple'),
        ('images', 'pixel_spacing_mm', [0.1, 0], 'images[0].pixel_spacing_mm'),
        ('images', 'modality', 'MG', 'images[0].modality'),
        ('images', 'birads', 4, 'images[0].birads: 4'),
        ('annotations', 'bbox', [1, 2, 0, 5], 'has no area'),
        ('annotations', 'bbox', [1, 2, 5], 'annotations[0].bbox'),
        ('annotations', 'image_id', 9, 'the id of no image'),
        ('annotations', 'category_id', 9, 'the id of no category'),
        ('annotations', 'pathology', 'cancer', 'annotations[0].pathology'),
        ('annotations', 'segmentation', [[1, 2, 3]], 'annotations[0].segmentation'),
        ('annotations', 'segmentation', dict(size=1, counts='a'), 'segmentation'),
        ('annotations', 'segmentation', dict(size=[80, 60], counts=3), 'segmentation'),
        (
            'annotations',
            'segmentation',
            dict(size=[60, 80], counts='a'),
            'its image is [80, 60]',
        ),
        ('annotations', 'iscrowd', 2, 'annotations[0].iscrowd'),
    ],
)
def test_each_fault_is_named(data, where, key, value, said):
    data[where][0][key] = value
    faults = validate_coco_exam(data)
    assert len(faults) == 1 and said in faults[0]


def test_a_fault_of_the_file_hides_no_mask(data):
    """Which would go on to pycocotools, unchecked."""
    data['info']['split'] = 'all'
    data['annotations'][0]['segmentation'] = dict(size=[80, 60], counts=[5])
    faults = validate_coco_exam(data)
    assert len(faults) == 2 and 'sum to 5' in faults[1]


def test_masks_are_held_against_boxes_if_asked(data):
    data['annotations'][0].update(segmentation=[[40, 40, 50, 40, 50, 50]])
    assert ['lies elsewhere' in fault for fault in validate_coco_exam(data)] == [True]
    assert validate_coco_exam(data, outlines=False) == []


def test_missing_fields_say_what_is_expected(data):
    del data['images'][1]['density']
    assert validate_coco_exam(data) == [
        "images[1].density: missing; expected one of ('A', 'B', 'C', 'D') "
        '(null when unknown)'
    ]


def test_the_true_id_of_a_patient_is_not_quoted(data):
    data['images'][0]['patient_id'] = 19610203
    (fault,) = (f for f in validate_coco_exam(data) if 'patient_id' in f)
    assert fault.startswith('images[0].patient_id: (a int); expected a text')


def test_an_exam_id_forges_no_line(data):
    data['images'] = [
        image(1, exam_id='x\x1b[2J\nerror: all is well'),
        image(2, exam_id='x\x1b[2J\nerror: all is well'),
    ]
    faults = validate_coco_exam(data)
    assert any('more than once' in fault for fault in faults)
    assert not any('\n' in fault or '\x1b' in fault for fault in faults)


@pytest.mark.parametrize(
    'change, said',
    [
        (lambda d: d['images'].append(image(1, exam_id='e2')), 'id 1 occurs more'),
        (lambda d: d['images'].append(image(9)), 'view L CC FFDM more than once'),
        (
            lambda d: d['images'].append(
                image(9, view='MLO', laterality='R', patient_id='p2')
            ),
            'two patients',
        ),
        (
            lambda d: d['categories'].append(dict(id=2, name='mass')),
            "name 'mass' occurs",
        ),
        (lambda d: d.pop('images'), 'images: missing'),
        (lambda d: d['info'].pop('dataset'), 'info.dataset'),
    ],
)
def test_faults_between_entries(data, change, said):
    change(data)
    assert any(said in fault for fault in validate_coco_exam(data))


@pytest.mark.parametrize(
    'text, said',
    [
        ('{', 'not a JSON file'),
        ('[]', 'expected an object'),
        ('{"info": {}}', 'images: missing'),
    ],
)
def test_unreadable_files_are_named(tmp_path, text, said):
    path = tmp_path / 'a.json'
    path.write_text(text)
    with pytest.raises(AnnotationError) as error:
        load_coco_exam(path)
    assert str(path) in str(error.value) and said in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='mammo convert'):
        load_coco_exam(tmp_path / 'no.json')


def test_exams_have_their_partners(data, tmp_path):
    data['images'].append(image(4, exam_id='e2', patient_id='p2', scanner='x'))
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(data))
    first, second = exams_from_coco(load_coco_exam(path))
    left_cc = first.get('L', 'CC')
    assert left_cc.name == 'LCC'
    assert first.ipsilateral(left_cc).image_id == 2
    assert first.bilateral(left_cc).image_id == 3
    assert first.bilateral(first.get('L', 'MLO')) is None
    assert left_cc.lesions[0].bbox == (1, 2, 11, 22)
    assert left_cc.lesions[0].lesion_id == first.get('L', 'MLO').lesions[0].lesion_id
    assert second.get('L', 'CC').extra == dict(scanner='x')
    assert second.get('L', 'CC').lesions == []


def test_modalities_do_not_mix(data):
    pair = copy.deepcopy(data)
    pair['images'] = [
        image(1, modality='CEM-LE'),
        image(2, modality='CEM-RC'),
        image(3, view='MLO', modality='CEM-RC'),
    ]
    (exam,) = exams_from_coco(pair)
    assert exam.ipsilateral(exam.get('L', 'CC', 'CEM-RC')).image_id == 3
    assert exam.ipsilateral(exam.get('L', 'CC', 'CEM-LE')) is None
