import json
from pathlib import Path

import pytest
from mmcv.transforms import BaseTransform
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope

from mammo_plugins.datasets import ExamDataset
from mammo_plugins.engine.data_configs import annotation_file, image_roots
from mammo_plugins.structures import AnnotationError


@pytest.fixture
def train_json(phantom_root):
    return json.loads((phantom_root / 'annotations/train.json').read_text())


def build(root, **options):
    return ExamDataset(
        data_root=str(root),
        ann_file=options.pop('ann_file', 'annotations/train.json'),
        pipeline=options.pop('pipeline', []),
        **options,
    )


def write(root, data, name='changed.json'):
    (root / 'annotations' / name).write_text(json.dumps(data))
    return f'annotations/{name}'


def test_views_with_their_partners(phantom_root, train_json):
    dataset = build(phantom_root, partners=('ipsilateral', 'bilateral'))
    assert len(dataset) == len(train_json['images']) == 24
    lesions = {}
    for annotation in train_json['annotations']:
        lesions.setdefault(annotation['image_id'], []).append(annotation)
    for sample in dataset:
        main, ipsi, other = (
            sample['views'][k] for k in ('main', 'ipsilateral', 'bilateral')
        )
        assert ipsi['exam_id'] == other['exam_id'] == main['exam_id']
        assert ipsi['laterality'] == main['laterality']
        assert ipsi['view'] != main['view'] == other['view']
        assert other['laterality'] != main['laterality']
        expected = lesions.get(main['img_id'], [])
        assert len(main['instances']) == len(expected)
        for instance, annotation in zip(main['instances'], expected):
            x, y, w, h = annotation['bbox']
            assert instance['bbox'] == [x, y, x + w, y + h]
            assert instance['lesion_id'] == annotation['lesion_id']
        assert (phantom_root / main['img_path']).is_file()


def test_breasts_and_exams(phantom_root):
    breasts = build(phantom_root, target='breast')
    assert len(breasts) == 12
    assert all(set(s['views']) == {'CC', 'MLO'} for s in breasts)
    assert {s['laterality'] for s in breasts} == {'L', 'R'}
    exams = build(phantom_root, target='exam')
    assert len(exams) == 6
    assert all(set(s['views']) == {'RCC', 'LCC', 'RMLO', 'LMLO'} for s in exams)


def test_samples_tell_their_data_set(phantom_root, train_json):
    train_json['info']['dataset'] = 'Phantom of Delft'
    ann_file = write(phantom_root, train_json)
    for target in ('view', 'breast', 'pair', 'exam'):
        for test_mode in (False, True):
            sample = build(
                phantom_root, ann_file=ann_file, target=target, test_mode=test_mode
            )[0]
            assert sample['dataset'] == 'Phantom of Delft'
            assert sample['test_mode'] is test_mode


def test_absent_views_are_absent(phantom_root, train_json):
    gone = train_json['images'].pop(0)
    train_json['annotations'] = [
        a for a in train_json['annotations'] if a['image_id'] != gone['id']
    ]
    ann_file = write(phantom_root, train_json)
    exams = build(phantom_root, target='exam', ann_file=ann_file)
    assert len(exams[0]['views']) == 3
    views = build(
        phantom_root, partners=('ipsilateral', 'bilateral'), ann_file=ann_file
    )
    counts = sorted(len(s['views']) for s in views)
    assert counts == [2, 2] + [3] * 21


def test_normal_views_are_kept_unless_told(phantom_root):
    kept = build(phantom_root)
    normal = sum(not s['views']['main']['instances'] for s in kept)
    assert normal > 0
    dropped = build(phantom_root, filter_cfg=dict(filter_empty_gt=True))
    assert len(dropped) == len(kept) - normal
    assert len(
        build(phantom_root, filter_cfg=dict(filter_empty_gt=True), test_mode=True)
    ) == len(kept)


@pytest.mark.parametrize('how', ['iscrowd', 'ignored_classes'])
def test_views_with_ignored_regions_alone_are_empty(phantom_root, train_json, how):
    """They teach no lesion; beside a real one a region changes nothing."""
    settings = dict(filter_cfg=dict(filter_empty_gt=True))
    first, second = train_json['annotations'][:2]
    assert first['image_id'] != second['image_id']
    before = build(phantom_root, **settings)
    ignored = dict(iscrowd=1)
    if how == 'ignored_classes':
        train_json['categories'].append(dict(id=9, name='other'))
        settings['ignored_classes'] = ('other',)
        ignored = dict(category_id=9)
    first.update(ignored)
    train_json['annotations'].append(
        dict(
            second,
            id=1 + max(a['id'] for a in train_json['annotations']),
            lesion_id=None,
            **ignored,
        )
    )
    dataset = build(phantom_root, ann_file=write(phantom_root, train_json), **settings)

    def views(dataset):
        return {s['views']['main']['img_id']: i for i, s in enumerate(dataset)}

    assert set(views(before)) - set(views(dataset)) == {first['image_id']}
    assert dataset.get_cat_ids(views(dataset)[second['image_id']]) == [0]


def test_labels_follow_the_classes(phantom_root, train_json):
    train_json['categories'] = [dict(id=1, name='mass'), dict(id=7, name='calc')]
    train_json['annotations'][0]['category_id'] = 7
    ann_file = write(phantom_root, train_json)
    dataset = build(
        phantom_root, ann_file=ann_file, metainfo=dict(classes=('calc', 'mass'))
    )
    target = train_json['annotations'][0]['image_id']
    index = [
        i for i, s in enumerate(dataset) if s['views']['main']['img_id'] == target
    ][0]
    assert dataset.get_cat_ids(index)[0] == 0


def test_unknown_categories_raise(phantom_root, train_json):
    train_json['categories'].append(dict(id=2, name='calcification'))
    ann_file = write(phantom_root, train_json)
    with pytest.raises(AnnotationError, match="'calcification'.*metainfo"):
        build(phantom_root, ann_file=ann_file)


def test_absent_modality_raises(phantom_root):
    with pytest.raises(AnnotationError, match="'CEM-RC'; set modality .*'FFDM'"):
        build(phantom_root, modality='CEM-RC')


def test_several_modalities_have_to_be_chosen_from(phantom_root, train_json):
    for image in train_json['images'][:4]:
        image['modality'] = 'SFM'
    ann_file = write(phantom_root, train_json)
    with pytest.raises(AnnotationError, match="several.*'FFDM', 'SFM'"):
        build(phantom_root, ann_file=ann_file)
    assert len(build(phantom_root, ann_file=ann_file, modality='SFM')) == 4


def test_no_images_raise(phantom_root, train_json):
    train_json['images'], train_json['annotations'] = [], []
    with pytest.raises(AnnotationError, match='holds no images'):
        build(phantom_root, ann_file=write(phantom_root, train_json))


@pytest.mark.parametrize(
    'bbox', [[100, 10, 30, 30], [-30, 10, 20, 20], [0, 0, 1e6, 1e6]]
)
def test_boxes_outside_are_refused(phantom_root, train_json, bbox):
    annotation = train_json['annotations'][0]
    annotation.update(bbox=bbox, segmentation=[])
    with pytest.raises(
        AnnotationError,
        match=(
            f'image {annotation["image_id"]}, annotation {annotation["id"]}: box '
            'outside the image'
        ),
    ):
        build(phantom_root, ann_file=write(phantom_root, train_json))


@pytest.mark.parametrize(
    'segmentation, said',
    [
        (dict(size=[128, 64], counts=[5]), 'sum to 5'),
        ([[1, 2, 3, 4]], '4 numbers'),
        ([[0, 0, 5, 0, 5, 5]], 'the mask lies elsewhere'),
    ],
)
def test_unsound_masks_are_refused(phantom_root, train_json, segmentation, said):
    """They would crash pycocotools, or train another lesion, in the first epoch."""
    annotation = train_json['annotations'][0]
    size = next(
        [image['height'], image['width']]
        for image in train_json['images']
        if image['id'] == annotation['image_id']
    )
    if isinstance(segmentation, dict):
        segmentation = dict(segmentation, size=size)
    annotation['segmentation'] = segmentation
    with pytest.raises(AnnotationError, match=said):
        build(phantom_root, ann_file=write(phantom_root, train_json))


def test_prefix_as_in_mmdet(phantom_root):
    dataset = build(phantom_root, data_prefix=dict(img='elsewhere/'))
    assert dataset[0]['views']['main']['img_path'].startswith(
        f'{phantom_root}/elsewhere/'
    )


@pytest.mark.parametrize(
    'options, said',
    [
        (dict(target='patient'), "'patient'; expected one of"),
        (dict(partners=('contralateral',)), 'expected some of'),
        (dict(target='exam', partners=('bilateral',)), 'only a view has partners'),
    ],
)
def test_wrong_options(phantom_root, options, said):
    with pytest.raises(ValueError, match=said):
        build(phantom_root, **options)


def test_the_fold_is_a_field(phantom_root, train_json):
    """It names the annotation file; the images lie where they lay."""
    for fold, images in ((1, 4), (12, 8)):
        folder = phantom_root / f'annotations/made_{fold}'
        folder.mkdir()
        kept = [image['id'] for image in train_json['images'][:images]]
        (folder / 'train.json').write_text(
            json.dumps(
                dict(
                    train_json,
                    images=train_json['images'][:images],
                    annotations=[
                        a for a in train_json['annotations'] if a['image_id'] in kept
                    ],
                )
            )
        )
        name = 'annotations/made_{fold}/train.json'
        dataset = build(phantom_root, ann_file=name, fold=fold)
        assert len(dataset) == images
        config = dict(data_root=str(phantom_root), ann_file=name, fold=fold)
        assert dataset.ann_file == annotation_file(config)
    for fold in (None, 0, '1', True, 1.0):
        with pytest.raises(ValueError, match='made_.*fold is'):
            build(phantom_root, ann_file=name, fold=fold)


def test_a_fold_that_no_name_has(phantom_root, caplog, monkeypatch):
    """It is the same data in each fold, which is said."""
    logger = MMLogger.get_current_instance()
    monkeypatch.setattr(logger, 'handlers', [caplog.handler])
    assert len(build(phantom_root)) == 24 and 'fold' not in caplog.text
    assert len(build(phantom_root, fold=3)) == 24
    assert 'train.json: fold is 3 and has no effect' in caplog.text
    for fold in (True, 0, 1.5):
        with pytest.raises(ValueError, match=f'fold is {fold}; expected its number'):
            build(phantom_root, fold=fold)


def test_the_fold_of_the_data_root(phantom_root, tmp_path):
    """Files and images lie in it; so do those of configs that checks look at."""
    (tmp_path / 'made_2').symlink_to(phantom_root)
    made = str(tmp_path / 'made_{fold}')
    config = dict(data_root=made, ann_file='annotations/train.json', fold=2)
    dataset = build(made, fold=2)
    root = str(tmp_path / 'made_2')
    assert dataset.ann_file == annotation_file(config) == f'{root}/{config["ann_file"]}'
    image = dataset.get_data_info(0)['views']['main']['img_path']
    assert image.startswith(root) and Path(image).is_file()
    assert (
        dataset.roots.path('a.png')
        == image_roots(config).path('a.png')
        == (f'{root}/a.png')
    )
    with pytest.raises(ValueError, match='made_{fold}.*fold is None'):
        build(made)


class FileOfFold(BaseTransform):
    """A step that reads a file, as PasteLesion reads its bank."""

    def __init__(self, bank):
        self.bank = bank

    def transform(self, results):
        """Nothing."""
        return results


@pytest.mark.parametrize(
    'pipeline',
    [
        [dict(type=FileOfFold, bank='bank_{fold}.npz')],
        dict(order=['paste'], paste=dict(type=FileOfFold, bank='bank_{fold}.npz')),
    ],
)
def test_the_fold_of_a_file_in_the_pipeline(phantom_root, pipeline):
    with DefaultScope.overwrite_default_scope('mammo'):
        dataset = build(phantom_root, pipeline=pipeline, fold=2)
    (step,) = dataset.pipeline.transforms
    assert step.bank == 'bank_2.npz'
    assert 'bank_{fold}.npz' in str(pipeline)  # the config stays as it is
    with pytest.raises(ValueError, match='bank_{fold}.npz: fold is None'):
        build(phantom_root, pipeline=pipeline)


def test_the_fold_of_folders(phantom_root, tmp_path):
    (tmp_path / 'images_2').symlink_to(phantom_root)
    settings = dict(
        data_root=str(tmp_path),
        data_prefix=dict(img='images_{fold}'),
        extra_roots=['more_{fold}', str(phantom_root)],
    )
    dataset = ExamDataset(
        ann_file=str(phantom_root / 'annotations/train.json'), fold=2, **settings
    )
    path = dataset[0]['views']['main']['img_path']
    assert path.startswith(f'{tmp_path}/images_2/')
    assert dataset.extra_roots == ['more_2', str(phantom_root)]
    # as the checks of configs see it
    roots = image_roots(dict(settings, fold=2))
    assert roots.root == f'{tmp_path}/images_2'
    with pytest.raises(ValueError, match='{fold}.*: fold is None'):
        ExamDataset(ann_file=str(phantom_root / 'annotations/train.json'), **settings)


def test_the_rest_of_the_categories(tmp_path, phantom_root):
    """'rest' is what no other list names, of this file."""
    data = json.loads((phantom_root / 'annotations/train.json').read_text())
    data['categories'] += [dict(id=2, name='calcification'), dict(id=3, name='other')]
    (tmp_path / 'a.json').write_text(json.dumps(data))

    def load(**lists):
        return ExamDataset(
            ann_file=str(tmp_path / 'a.json'), data_root=str(phantom_root), **lists
        )

    assert load(other_classes='rest').other_classes == ('calcification', 'other')
    mixed = load(other_classes=['other'], ignored_classes='rest')
    assert mixed.ignored_classes == ('calcification',)
    assert mixed.other_classes == ('other',)
    for lists in (
        dict(other_classes='rest', ignored_classes='rest'),
        dict(other_classes='calcification'),
    ):
        with pytest.raises(ValueError, match="'rest'"):
            load(**lists)


@pytest.mark.parametrize('target', ['view', 'breast', 'pair', 'exam'])
def test_annotations_in_memory(phantom_root, train_json, target):
    """The same samples as of the file, which need not be there."""
    of_file = build(phantom_root, target=target)
    in_memory = build(
        phantom_root, ann_file='nowhere.json', target=target, annotations=train_json
    )
    assert len(of_file) == len(in_memory)
    assert all(a == b for a, b in zip(of_file, in_memory))


@pytest.mark.parametrize(
    'changes, said',
    [
        (dict(width=-1), r'images\[0\].width'),
        (dict(file_name='../elsewhere.dcm'), 'below the data root'),
        (dict(file_name='dicom/phantom_0001/R_CC.dcm'), 'it has the file of'),
    ],
)
def test_annotations_in_memory_are_checked(phantom_root, train_json, changes, said):
    first = next(
        image
        for image in train_json['images']
        if image['file_name'] != 'dicom/phantom_0001/R_CC.dcm'
    )
    train_json['images'].remove(first)
    train_json['images'].insert(0, dict(first, **changes))
    with pytest.raises(AnnotationError, match=f'exam 7: .*(\n.*)*{said}'):
        build('', ann_file='exam 7', annotations=train_json)
