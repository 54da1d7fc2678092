"""tools/verify_dataset.py on masks, on labels that contradict, on unsound entries."""

import copy
import json

import pytest
from made_dataset import (
    BOX,
    HEIGHT,
    T11,
    WIDTH,
    found,
    made,
    planted,
    polygon,
    rle,
    template,
)

from mammo_plugins.verification import verify

__all__ = ['made', 'template']  # fixtures


def _lesion_twice(made):
    made.train['annotations'][0]['lesion_id'] = None
    made.train['annotations'].append(dict(made.train['annotations'][0], id=999))


def _benign_lesions(made):
    for annotation in made.train['annotations']:
        annotation['pathology'] = 'benign'
    for k in (1, 3):
        made.train['images'][k]['pathology'] = 'malignant' if k == 1 else None


def _benign_six(made):
    made.train['annotations'][0].update(birads='6', pathology='benign')


def _two_categories(made):
    for part in (made.train, made.val):
        part['categories'].append(dict(id=2, name='calcification'))
    made.train['annotations'][1]['category_id'] = 2


def _two_pathologies(made):
    for k, pathology in ((0, 'benign'), (2, 'malignant')):
        made.train['images'][k].update(pathology=pathology, abnormal=True, birads='4')


def _lesion_of_one(made):
    for k in (0, 2):
        made.train['images'][k]['abnormal'] = None
    made.train['annotations'].append(
        dict(
            made.train['annotations'][0],
            id=999,
            image_id=10,
            lesion_id=None,
            pathology=None,
            bbox=BOX['R'],
            segmentation=[],
        )
    )


def _ignored(made):
    made.train['annotations'].append(
        dict(
            made.train['annotations'][0],
            id=999,
            image_id=10,
            lesion_id=None,
            iscrowd=1,
            bbox=BOX['R'],
            segmentation=[],
        )
    )


# name: (how it is planted, [(severity, check, where)])
DEFECTS = {
    'mask elsewhere': (
        planted('train', 'annotations', 0, segmentation=polygon(30, 60, 12, 10)),
        [('error', 'mask does not match', T11)],
    ),
    'mask smaller than box': (
        planted('train', 'annotations', 0, segmentation=polygon(10, 43, 12, 6)),
        [('warning', 'mask does not match', T11)],
    ),
    'RLE that matches': (
        planted('train', 'annotations', 0, segmentation=rle(BOX['L'])),
        [],
    ),
    'RLE elsewhere': (
        planted('train', 'annotations', 0, segmentation=rle([30, 60, 12, 10])),
        [('error', 'mask does not match', T11)],
    ),
    'RLE of another size': (
        planted('train', 'annotations', 0, segmentation=rle(BOX['L'], (WIDTH, HEIGHT))),
        [('error', 'schema', 'train')],
    ),
    'RLE that is empty': (
        planted('train', 'annotations', 0, segmentation=rle([0, 0, 0, 0])),
        [('error', 'schema', 'train')],
    ),
    'polygon outside the image': (
        planted('train', 'annotations', 0, segmentation=polygon(10, 40, 60, 10)),
        [('error', 'schema', 'train')],
    ),
    'runs that end before the image': (
        planted(
            'train',
            'annotations',
            0,
            segmentation=dict(size=[HEIGHT, WIDTH], counts=[1040, 120, 5]),
        ),
        [('error', 'schema', 'train')],
    ),
    'area of another mask': (
        planted('train', 'annotations', 0, area=300),
        [('warning', 'mask does not match', T11)],
    ),
    'area above that of the box': (
        planted('train', 'annotations', 0, area=300, segmentation=[]),
        [('warning', 'mask does not match', T11)],
    ),
    'area of an unknown mask': (
        planted('train', 'annotations', 0, area=70, segmentation=[]),
        [],
    ),
    'no area': (
        planted('train', 'annotations', 0, area=0),
        [('error', 'schema', 'train')],
    ),
    'malignant lesion in a benign view': (
        planted('train', 'images', 1, pathology='benign'),
        [('error', 'malignant lesion in a benign view', T11)],
    ),
    'benign lesions in a malignant view': (
        _benign_lesions,
        [('warning', 'malignant view of a breast with benign lesions', T11)],
    ),
    'malignant normal view': (
        planted('train', 'images', 0, pathology='malignant', birads=None),
        [('error', 'pathology of a normal view', 'train: image 10')],
    ),
    'benign normal view': (
        planted('train', 'images', 0, pathology='benign'),
        [('warning', 'pathology of a normal view', 'train: image 10')],
    ),
    'pathology without abnormal': (
        planted('train', 'images', 0, pathology='benign', abnormal=None),
        [('warning', 'pathology without abnormal', 'train: image 10')],
    ),
    'suspicious normal view': (
        planted('train', 'images', 0, birads='5'),
        [
            ('warning', 'BI-RADS against abnormal', 'train: image 10'),
            ('warning', 'views of a breast disagree', 'train: image 10 and its breast'),
        ],
    ),
    'abnormal view of BI-RADS 1': (
        planted('train', 'images', 0, abnormal=True),
        [
            ('warning', 'BI-RADS against abnormal', 'train: image 10'),
            ('warning', 'views of a breast disagree', 'train: image 10 and its breast'),
        ],
    ),
    'malignant view of BI-RADS 2': (
        planted('train', 'images', 1, pathology='malignant', birads='2'),
        [
            ('warning', 'BI-RADS against pathology', T11),
            ('warning', 'BI-RADS against pathology', T11),
            ('warning', 'views of a breast disagree', f'{T11} and its breast'),
        ],
    ),
    'lesion of BI-RADS 6 that is benign': (
        _benign_six,
        [
            ('warning', 'BI-RADS of a lesion above its view', T11),
            ('warning', 'BI-RADS against pathology', T11),
            ('error', 'lesion differs between its views', 'train: image 13'),
        ],
    ),
    'lesion of two categories': (
        _two_categories,
        [('warning', 'lesion differs between its views', 'train: image 13')],
    ),
    'lesion of unknown pathology in one view': (
        planted('train', 'annotations', 0, pathology=None),
        [],
    ),
    'breast of two pathologies': (
        _two_pathologies,
        [('warning', 'views of a breast disagree', 'train: image 10 and its breast')],
    ),
    'lesion in a view of BI-RADS 1': (
        _lesion_of_one,
        [('warning', 'lesion in a view of BI-RADS 1', 'train: image 10')],
    ),
    'region to ignore in a normal view': (_ignored, []),
    'RLE without a code': (
        planted(
            'train',
            'annotations',
            0,
            segmentation=dict(size=[HEIGHT, WIDTH], counts=None),
        ),
        [('error', 'schema', 'train')],
    ),
    'lesion in a normal view': (
        planted('train', 'images', 1, abnormal=False),
        [
            ('warning', 'BI-RADS against abnormal', T11),
            ('warning', 'lesion in a normal view', T11),
            ('warning', 'views of a breast disagree', f'{T11} and its breast'),
        ],
    ),
    'lesion twice': (_lesion_twice, [('warning', 'duplicate lesion', T11)]),
}


@pytest.mark.parametrize('name', DEFECTS)
def test_planted_defect_is_found_alone(made, capsys, name):
    plant, expected = DEFECTS[name]
    plant(made)
    report, code = made.report()
    assert found(report) == expected
    assert code == any(severity == 'error' for severity, *_ in expected)
    assert 'SECRET' not in capsys.readouterr().out + json.dumps(report)


@pytest.mark.parametrize(
    'abnormal, said',
    [
        ([False] * 4, 'every image is normal'),
        ([None] * 4, '4 unknown (abnormal is null)'),
        ([True, False, None, None], '1 abnormal, 1 normal, 2 unknown'),
    ],
)
def test_without_lesions_no_more_is_said_than_known(made, abnormal, said):
    made.train['annotations'] = []
    for image, value in zip(made.train['images'], abnormal):
        image.update(abnormal=value, birads=None)
    report, _ = made.report()
    message = next(
        f['message'] for f in report['findings'] if f['check'] == 'no lesions'
    )
    assert said in message
    assert ('every image is normal' in message) == (abnormal == [False] * 4)


def test_unsound_annotations_are_not_said_to_be_missing(made):
    for annotation in made.train['annotations']:
        annotation['bbox'] = [1, 2, 3]
    report, _ = made.report()
    assert {f['check'] for f in report['findings']} == {'schema'}


@pytest.mark.parametrize(
    'plant',
    [
        planted('train', 'categories', 0, id='1'),
        planted('train', 'categories', 0, name=None),
        lambda m: m.train['categories'].append('mass'),
    ],
)
def test_nothing_is_held_against_categories_that_are_none(made, plant):
    plant(made)
    made.train['annotations'][0]['segmentation'] = dict(
        size=[HEIGHT, WIDTH], counts='unsound'
    )
    report, code = made.report()
    assert code == 1 and {f['check'] for f in report['findings']} == {'schema'}
    assert 'train' not in report['counts']


def test_unsound_entries_of_all_kinds_end_in_findings(made):
    """Whatever stands in a field: no traceback, and no mask goes on unchecked."""
    odd = [
        None,
        True,
        0,
        -1,
        3.5,
        1e308,
        10**400,
        float('nan'),
        '',
        'x',
        [],
        {},
        [[]],
        [1, 2, 3, 4],
        [1e308] * 4,
        [[1e308] * 6],
        [['a'] * 6],
        dict(size=[HEIGHT, WIDTH], counts=''),
        dict(size=[10**9] * 2, counts='0'),
    ]
    for part, index in (('images', 1), ('annotations', 0), ('categories', 0)):
        sound = copy.deepcopy(made.train)
        for key in sound[part][index]:
            for value in odd:
                made.train[part][index][key] = value
                made.save()
                report = verify([made.root / 'annotations/train.json'])
                assert isinstance(report['errors'], int)
            made.train = copy.deepcopy(sound)
