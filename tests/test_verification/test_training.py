"""What is refused before training is what verification calls an error."""

import copy

import pytest
from fuzzing.annotations import HEIGHT, WIDTH, sound

from mammo_plugins.io import write_json
from mammo_plugins.structures import AnnotationError, ImageRoots
from mammo_plugins.verification import load_sound_exams
from mammo_plugins.verification.entries import ERROR, read_part
from mammo_plugins.verification.training import check_entries


def image(**facts):
    return lambda data: data['images'][0].update(facts)


def annotation(**facts):
    return lambda data: data['annotations'][0].update(facts)


ERRORS = {
    'box outside the image': annotation(bbox=[2, 3, WIDTH, 6], segmentation=[]),
    'negative': annotation(bbox=[-3, 3, 6, 6], segmentation=[]),
    'huge': annotation(bbox=[0, 0, 1e6, 1e6], segmentation=[]),
    'mask': annotation(bbox=[12, 8, 3, 3]),
    'two breasts': lambda data: data['annotations'].append(
        dict(data['annotations'][0], id=9, image_id=data['images'][2]['id'])
    ),
    'pathology of a normal view': image(pathology='malignant', abnormal=False),
    'malignant lesion in a benign view': image(pathology='benign'),
    'duplicated file': image(file_name='images/../images/train1.png'),
    'duplicate view': image(laterality='R'),
    'two patients': image(patient_id='another'),
    'out of the root': image(file_name='../train0.png'),
    'size': image(width=10**18),
    'negative runs': lambda data: data['annotations'][1]['segmentation'].update(
        counts=[-1, 1 + HEIGHT * WIDTH]
    ),
    'text for an object': lambda data: data['images'][4].update(synthetic='x'),
    'null': lambda data: data.update(images=None),
}
WARNINGS = {
    'nipple outside the image': image(nipple=[50, 50]),
    'small box': annotation(bbox=[2, 3, 0.5, 0.5], area=0.2, segmentation=[]),
    'BI-RADS': image(birads='1'),
    'no lesions': lambda data: data.update(annotations=[]),
    'area': annotation(area=400),
}


def severities(tmp_path, alter):
    """Return what verification finds, and whether training refuses the file."""
    data = copy.deepcopy(sound(1, 'train'))
    alter(data)
    path = tmp_path / 'train.json'
    write_json(path, data)
    roots = ImageRoots(tmp_path)
    part, findings = read_part(path, roots)
    findings += check_entries(part) if part else []
    try:
        load_sound_exams(path, roots)
    except AnnotationError as error:
        assert str(error).startswith(f'{path}: ')
        return {finding.severity for finding in findings}, True
    return {finding.severity for finding in findings}, False


@pytest.mark.parametrize('name', ERRORS)
def test_errors_are_refused(tmp_path, name):
    found, refused = severities(tmp_path, ERRORS[name])
    assert refused and ERROR in found


@pytest.mark.parametrize('name', WARNINGS)
def test_warnings_are_not(tmp_path, name):
    found, refused = severities(tmp_path, WARNINGS[name])
    assert not refused and found == {'warning'}


def test_a_file_as_it_should_be(tmp_path):
    found, refused = severities(tmp_path, lambda data: None)
    assert not refused and ERROR not in found
