"""Classes of targets, against the definitions of the papers, by hand."""

import pytest
from test_exam_dataset import build, train_json, write  # noqa: F401

from mammo_plugins.datasets.label_rule import LabelRule
from mammo_plugins.structures import AnnotationError

DIVF = dict(field='birads', negative=('2',), positive=('4', '5'))


def views(*values, field='birads'):
    return [{field: value} for value in values]


@pytest.mark.parametrize(
    'values, label',
    [
        (('2', '2'), 0),
        (('5', '5'), 1),
        (('2', '4'), 1),
        (('4B', '2'), 1),
        (('2', '3'), None),
        (('3', '5'), 1),
        (('2', None), None),
        ((None,), None),
        (('1',), None),
    ],
)
def test_birads(values, label):
    assert LabelRule(**DIVF).of_target(views(*values)) == label


def test_letters_can_be_told_apart():
    rule = LabelRule('birads', ('2', '3', '4A'), ('4B', '4C', '5'))
    assert [rule.of_view(dict(birads=b)) for b in ('4A', '4B', '4')] == [0, 1, None]


def test_unknown_can_be_a_value():
    rule = LabelRule('pathology', (None, 'benign'), ('malignant',))
    assert rule.of_target(views(None, 'benign', field='pathology')) == 0
    assert rule.of_target(views(None, 'malignant', field='pathology')) == 1


def test_counts_are_told():
    samples = [
        dict(views=dict(CC=dict(birads=b), MLO=dict(birads=b)))
        for b in ('2', '4A', '3', '5', None, '1', '1')
    ]
    kept, line = LabelRule(**DIVF).apply(samples)
    assert [sample['gt_label'] for sample in kept] == [0, 1, 1]
    assert line == (
        '1 negative, 2 positive (birads 2 against 4/5); 4 without a class '
        'left out (birads 1: 2, 3: 1, None: 1)'
    )


@pytest.mark.parametrize(
    'arguments',
    [
        dict(DIVF, field='density'),
        dict(DIVF, positive=()),
        dict(DIVF, negative=('2', '4')),
    ],
)
def test_wrong_rules(arguments):
    with pytest.raises(ValueError, match='labels'):
        LabelRule(**arguments)


@pytest.fixture
def birads(phantom_root, train_json):  # noqa: F811
    """Write a file in which breasts have the BI-RADS of this list."""

    def birads(values, name):
        breasts = {}
        for image in train_json['images']:
            breast = image['exam_id'], image['laterality']
            index = breasts.setdefault(breast, len(breasts))
            image['birads'] = values[index % len(values)]
        return write(phantom_root, train_json, name)

    return birads


def test_breasts_of_a_task(phantom_root, birads):
    name = birads(['2', '4', '3', '5', None, '1'], 'divf.json')  # 12 breasts
    dataset = build(phantom_root, ann_file=name, target='breast', labels=DIVF)
    assert sorted(sample['gt_label'] for sample in dataset) == [0] * 2 + [1] * 4
    for sample in dataset:
        assert {v['gt_label'] for v in sample['views'].values()} == {sample['gt_label']}
    with pytest.raises(AnnotationError, match='no breast has a class'):
        build(
            phantom_root,
            ann_file=birads(['0'], 'none.json'),
            target='breast',
            labels=DIVF,
        )


def test_pairs_tell_the_side(phantom_root, birads):
    name = birads(['1', '4', '1', '1'], 'pairs.json')
    dataset = build(
        phantom_root,
        ann_file=name,
        target='pair',
        labels=dict(
            field='birads', negative=('1',), positive=('0', '2', '3', '4', '5', '6')
        ),
    )
    assert len(dataset) == 12  # two projections of six exams
    for sample in dataset:
        sides = {name: v['gt_label'] for name, v in sample['views'].items()}
        assert set(sides) == {'R', 'L'}
        assert sample['gt_label'] == max(sides.values())
        assert {v['view'] for v in sample['views'].values()} == {sample['view']}
    # breasts are dealt in the order of the file: one exam in two has one bad side
    assert sum(sample['gt_label'] for sample in dataset) == 6


def test_only_complete_targets(phantom_root, train_json):  # noqa: F811
    gone = train_json['images'].pop(0)
    train_json['annotations'] = [
        a for a in train_json['annotations'] if a['image_id'] != gone['id']
    ]
    name = write(phantom_root, train_json, 'holes.json')
    for target, there in (('breast', 12), ('pair', 12), ('exam', 6), ('view', 23)):
        partners = ('ipsilateral', 'bilateral') if target == 'view' else ()
        options = dict(ann_file=name, target=target, partners=partners)
        every = build(phantom_root, **options)
        complete = build(phantom_root, complete=True, test_mode=True, **options)
        assert len(every) == there
        # the lost view had an ipsilateral and a bilateral partner
        assert len(complete) == there - (2 if target == 'view' else 1)


def test_several_modalities(phantom_root, train_json):  # noqa: F811
    for image in list(train_json['images']):
        train_json['images'].append(
            dict(
                image,
                id=image['id'] + 1000,
                modality='CEM-RC',
                file_name=f'other/{image["file_name"]}',
            )
        )
        image['modality'] = 'CEM-LE'
    name = write(phantom_root, train_json, 'cem.json')
    modality = ('CEM-LE', 'CEM-RC')
    dataset = build(
        phantom_root, ann_file=name, target='exam', modality=modality, complete=True
    )
    assert len(dataset) == 6
    assert set(dataset[0]['views']) == {
        f'{m} {v}' for m in modality for v in ('RCC', 'LCC', 'RMLO', 'LMLO')
    }
    with pytest.raises(ValueError, match='partners are of the same modality'):
        build(phantom_root, ann_file=name, modality=modality, partners=('bilateral',))


def test_lesions_of_other_classes_can_be_left_out(phantom_root, train_json):  # noqa: F811
    train_json['categories'].append(dict(id=2, name='calcification'))
    boxes = list(train_json['annotations'])
    for annotation in boxes[::2]:
        annotation['category_id'] = 2
    name = write(phantom_root, train_json, 'kinds.json')
    with pytest.raises(AnnotationError, match="'calcification'. are not in classes"):
        build(phantom_root, ann_file=name)
    with pytest.raises(ValueError, match="other_classes: 'drop'; expected the names"):
        build(phantom_root, ann_file=name, other_classes='drop')
    with pytest.raises(AnnotationError, match="'calcification'. are not in classes"):
        build(phantom_root, ann_file=name, other_classes=('calcifications',))
    # what a file may hold need not be in it
    dataset = build(
        phantom_root, ann_file=name, other_classes=('calcification', 'other')
    )
    kept = [i for s in dataset for i in s['views']['main']['instances']]
    assert len(kept) == len(boxes) - len(boxes[::2])
    assert {i['bbox_label'] for i in kept} == {0}
    of_view = {}
    for box in boxes:
        of_view.setdefault(box['image_id'], set()).add(box['category_id'])
    normal = sum(kinds == {2} for kinds in of_view.values())
    assert dataset.summary() == (
        f'{len(dataset)} samples; lesions: mass {len(kept)}. Lesions of calcification '
        f'({len(boxes[::2])}) are dropped by other_classes; {normal} views with '
        'no other lesions count as normal'
    )


def test_lesions_of_other_classes_can_be_ignored(phantom_root, train_json):  # noqa: F811
    train_json['categories'].append(dict(id=2, name='other'))
    boxes = train_json['annotations']
    for annotation in boxes[::2]:
        annotation['category_id'] = 2
    name = write(phantom_root, train_json, 'ignored.json')
    dataset = build(
        phantom_root, ann_file=name, ignored_classes=('calcification', 'other')
    )
    found = [i for s in dataset for i in s['views']['main']['instances']]
    assert len(found) == len(boxes)
    assert sorted((i['bbox_label'], i['ignore_flag']) for i in found) == (
        [(-1, 1)] * len(boxes[::2]) + [(0, 0)] * len(boxes[1::2])
    )
    # a sampler of classes does not see them, and no view becomes a normal one
    labels = [dataset.get_cat_ids(i) for i in range(len(dataset))]
    assert sum(labels, []) == [0] * len(boxes[1::2])
    assert dataset.summary() == (
        f'{len(dataset)} samples; lesions: mass {len(boxes[1::2])}; regions ignored: '
        f'other {len(boxes[::2])}'
    )
    with pytest.raises(ValueError, match="ignored_classes: 'other'; expected"):
        build(phantom_root, ann_file=name, ignored_classes='other')
    with pytest.raises(AnnotationError, match='other_classes and in ignored_classes'):
        build(
            phantom_root,
            ann_file=name,
            other_classes=('other',),
            ignored_classes=('other',),
        )


@pytest.mark.parametrize(
    'classes, message',
    [
        (('mas',), r"classes \['mas'\] are not in the file; the file has \['mass'\]"),
        (('mass', 'cyst'), r"\['cyst'\] are not in the file"),
        ('mass', r"'mass' is a text; expected a tuple of names"),
    ],
)
def test_classes_that_the_file_lacks(phantom_root, classes, message):
    """A misspelt class would make all images normal."""
    with pytest.raises(AnnotationError, match=message):
        build(phantom_root, metainfo=dict(classes=classes))


def test_a_class_may_not_be_left_out_too(phantom_root):
    with pytest.raises(AnnotationError, match='in classes and in other_classes'):
        build(phantom_root, other_classes=('mass',))


def test_lesions():
    rule = LabelRule('birads', negative=['2'], positive=['4', '5'])
    lesions = [dict(birads=b) for b in ('2', '3', '4B', '5', None)]
    assert [rule.of_lesion(x) for x in lesions] == [0, None, 1, 1, None]
    rule = LabelRule('abnormal', negative=[False], positive=[True])
    assert rule.of_lesion(dict(birads=None)) == 1
