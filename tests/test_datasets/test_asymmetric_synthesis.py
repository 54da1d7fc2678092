"""Tumours in symmetric pairs: where, how many, how large, and from whom."""

import copy
import json

import numpy as np
import pytest
from scipy import ndimage

from mammo_plugins.datasets.transforms import InsertLesions, asymmetric_synthesis
from mammo_plugins.registry import DATASETS, TRANSFORMS
from mammo_plugins.structures import (
    AnnotationError,
    BankLesion,
    LesionBank,
    LesionBankError,
)

SHAPE = (96, 56)
LABELS = dict(field='abnormal', negative=(False,), positive=(True,))
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
BREAST = ((ROWS - 47.5) / 42) ** 2 + (COLUMNS / 46) ** 2 < 1
NEAR = ndimage.binary_dilation(BREAST, iterations=3)  # the mask is found, not known


def lesion(shape=(9, 7), spacing=(0.1, 0.1), **facts):
    return BankLesion.of(
        np.full(shape, 0.9, np.float32),
        **dict(
            dict(
                image_shape=(48, 30),
                pixel_spacing_mm=spacing,
                file_name='a.png',
                box=(0.0, 0.0, 7.0, 9.0),
            ),
            **facts,
        ),
    )


def bank(*lesions, dataset='inbreast', split='train'):
    return LesionBank(dataset, list(lesions) or [lesion()], split)


def view(seed, label=0, spacing=(0.1, 0.1)):
    noise = np.random.default_rng(seed).uniform(0.2, 0.5, SHAPE)
    image = np.where(BREAST, noise, 0).astype(np.float32)
    return dict(
        img=image,
        img_shape=SHAPE,
        ori_shape=SHAPE,
        gt_label=label,
        pixel_spacing_mm=spacing,
        homography_matrix=np.eye(3, dtype=np.float32),
    )


def pair(**changes):
    return {
        **dict(
            dataset='ddsm',
            test_mode=False,
            gt_label=0,
            views=dict(R=view(0), L=view(1)),
        ),
        **changes,
    }


def transform(**settings):
    return InsertLesions(**{**dict(bank=bank(), prob=1.0), **settings})


def pipeline(*steps):
    with TRANSFORMS.switch_scope_and_registry('mammo'):
        return TRANSFORMS.build(
            dict(
                type='ForEachView',
                transforms=[dict(type='WithCleanImage', transforms=list(steps))],
            )
        )


def test_what_is_changed_and_what_is_kept():
    """Both sides over many seeds; pixels without weight and air are as before."""
    seen = set()
    for seed in range(40):
        before = pair()
        made = transform().insert(copy.deepcopy(before), seed)
        assert made['synthetic'] is True
        assert (made['gt_label'], made['synthetic_gt_label']) == (0, 1)
        with_tumour = set()
        for name, own in made['views'].items():
            original = before['views'][name]['img']
            where = own['synthetic_mask']
            np.testing.assert_array_equal(own['clean_img'], original)
            np.testing.assert_array_equal(own['img'][where == 0], original[where == 0])
            assert not where[~NEAR].any() and not own['img'][~NEAR].any()
            assert (own['img'][where > 0.5] > original[where > 0.5]).all()
            assert own['gt_label'] == 0
            assert own['synthetic_gt_label'] == int(where.any())
            with_tumour |= {name} if where.any() else set()
        seen.add(frozenset(with_tumour))
    assert seen == {frozenset('R'), frozenset('L'), frozenset('RL')}


@pytest.fixture
def calls(monkeypatch):
    """Sizes of the tumours of each call of ``insert_lesions``."""
    found = []
    real = asymmetric_synthesis.insert_lesions

    def spy(image, lesions, centres, **settings):
        found.append([tumour.shape for tumour in lesions])
        for x, y in centres:
            assert NEAR[int(y), int(x)]
        return real(image, lesions, centres, **settings)

    monkeypatch.setattr(asymmetric_synthesis, 'insert_lesions', spy)
    return found


def test_numbers_and_sides_are_equally_likely(calls):
    step = transform()
    sides = []
    for seed in range(150):
        made = step.insert(pair(), seed)
        sides.append(tuple(made['views'][k]['synthetic_gt_label'] for k in 'RL'))
    counts = np.bincount([len(sizes) for sizes in calls], minlength=5)
    total = counts.sum()
    assert counts[0] == counts[4] == 0 and total == sum(map(sum, sides))
    assert (np.abs(counts[1:4] - total / 3) < 4 * np.sqrt(total * 2 / 9)).all()
    for kind in ((1, 0), (0, 1), (1, 1)):
        assert abs(sides.count(kind) - 50) < 4 * np.sqrt(150 * 2 / 9)


def test_prob_is_the_chance_of_symmetric_pairs():
    np.random.seed(0)
    step = transform(prob=0.3)
    made = sum(step(pair())['synthetic'] for _ in range(200))
    assert abs(made - 60) < 4 * np.sqrt(200 * 0.21)
    assert not transform(prob=0.0)(pair())['synthetic']


@pytest.mark.parametrize(
    'views',
    [
        dict(R=view(0), L=view(1, label=1)),
        dict(R=view(0, label=1), L=view(1, label=1)),
        dict(R=view(0, label=None), L=view(1)),
        dict(L=view(1)),
    ],
)
def test_only_pairs_known_to_be_symmetric(views):
    result = transform()(pair(views=copy.deepcopy(views)))
    assert result['synthetic'] is False and 'synthetic_gt_label' not in result
    for name, own in result['views'].items():
        assert set(own) == set(views[name])
        np.testing.assert_array_equal(own['img'], views[name]['img'])


def test_the_same_seed_gives_the_same_pixels():
    step = transform(bank=bank(lesion((5, 5)), lesion((9, 11))))
    made = [step.insert(pair(), seed)['views'] for seed in (3, 3, 4)]
    for name in 'RL':
        np.testing.assert_array_equal(made[0][name]['img'], made[1][name]['img'])
    assert any((made[0][k]['img'] != made[2][k]['img']).any() for k in 'RL')


@pytest.mark.parametrize(
    'spacing, own, resized, size',
    [
        ((0.2, 0.1), (0.1, 0.1), (1, 1), (16, 10)),  # 8 x 10 pixels, mm kept
        ((0.2, 0.1), (0.1, 0.2), (1, 1), (16, 5)),
        ((0.2, 0.1), (0.1, 0.1), (0.25, 0.5), (4, 5)),  # after Resize
        (None, (0.1, 0.1), (1, 1), (16, 20)),  # breasts 48 and 96 pixels high
        ((0.2, 0.1), None, (0.5, 1), (8, 20)),
        ((0.001, 0.001), (0.1, 0.1), (1, 1), (1, 1)),
    ],
)
def test_tumours_keep_their_size(calls, spacing, own, resized, size):
    views = {k: view(0, spacing=own) for k in 'RL'}
    for each in views.values():  # from the file: mirrored, cropped, resized
        each['homography_matrix'] = np.array(
            [[-resized[1], 0, 30], [0, resized[0], -4], [0, 0, 1]], np.float32
        )
    step = transform(bank=bank(lesion((8, 10), spacing)), numbers=[1])
    step.insert(pair(views=views), 0)
    assert calls and all(sizes == [size] for sizes in calls)


def test_large_images_get_tumours_all_over_the_breast():
    """The breast is found on a small copy; places are in the image's pixels."""

    def large(array):
        return np.kron(array, np.ones((6, 6), array.dtype))

    rows, columns = [], []
    for seed in range(12):
        views = {k: dict(view(0), img=large(view(0)['img'])) for k in 'RL'}
        made = transform(bank=bank(lesion((40, 40))), numbers=[1]).insert(
            pair(views=views), seed
        )
        for own in made['views'].values():
            where = own['synthetic_mask']
            assert where.shape == (576, 336) and not where[large(~NEAR)].any()
            if where.any():
                row, column = np.unravel_index(where.argmax(), where.shape)
                assert where[row, column] > 0.99
                rows.append(row)
                columns.append(column)
    assert min(rows) < 180 and max(rows) > 396
    assert min(columns) < 80 and max(columns) > 180


def test_tumours_larger_than_the_breast_are_left_out():
    result = transform(bank=bank(lesion((300, 300))))(pair())
    assert result['synthetic'] is False
    assert all('clean_img' not in own for own in result['views'].values())


def test_banks_of_the_same_data_set_are_refused():
    for name in ('ddsm', 'DDSM', 'CBIS-DDSM'):
        step = transform(bank=bank(dataset=name))
        with pytest.raises(AnnotationError, match='allow_same_source=True'):
            step(pair())
        step = transform(bank=bank(dataset=name), allow_same_source=True)
        assert step(pair())['synthetic']
    # also where nothing would be inserted: a run must not fail late
    with pytest.raises(AnnotationError, match='weakly supervised'):
        transform(bank=bank(dataset='ddsm'), prob=0.0)(pair())


@pytest.mark.parametrize('split', ['val', 'test', None])
def test_lesions_to_be_tested_on_are_always_refused(split):
    part = f'the {split}' if split else 'no stated'
    with pytest.raises(AnnotationError, match=f'of {part} split'):
        transform(bank=bank(dataset='ddsm', split=split), allow_same_source=True)(
            pair()
        )
    assert transform(bank=bank(split=split))(pair())['synthetic']


def test_mistakes(tmp_path):
    with pytest.raises(AnnotationError, match='never enter validation or test'):
        transform()(pair(test_mode=True))
    unlabelled = pair()
    del unlabelled['views']['R']['gt_label']
    for sample in (unlabelled, pair(views=dict(CC=view(0), MLO=view(1)))):
        with pytest.raises(ValueError, match="target='pair' and labels"):
            transform()(sample)
    with pytest.raises(ValueError, match='prob'):
        transform(prob=1.5)
    for numbers in ((), (0, 1)):
        with pytest.raises(ValueError, match='numbers'):
            transform(numbers=numbers)
    with pytest.raises(LesionBankError, match='no such lesion bank'):
        transform(bank=str(tmp_path / 'none.npz'))


STEPS = {
    'resize': [dict(type='Resize', scale=(40, 80), keep_ratio=False)],
    'zoom and crop': [
        dict(
            type='RandomResize',
            scale=SHAPE[::-1],
            ratio_range=(0.8, 1.3),
            keep_ratio=True,
            resize_type='mmdet.Resize',
        ),
        dict(type='RandomCrop', crop_size=(60, 36)),
        dict(type='Pad', size=(40, 64)),
    ],
    'flip': [dict(type='RandomFlip', prob=0.5)],
}


@pytest.mark.parametrize('steps', STEPS.values(), ids=STEPS)
def test_clean_pixels_stay_in_step(steps):
    """As if each had gone through the pipeline alone, with the same draws."""
    step = pipeline(*steps)
    sample = transform(numbers=[3]).insert(pair(), 5)
    for seed in range(5):
        np.random.seed(seed)
        together = step(copy.deepcopy(sample))['views']
        for key in ('img', 'clean_img', 'synthetic_mask'):
            alone = {
                name: {**view(0), 'img': own[key].copy()}
                for name, own in sample['views'].items()
            }
            np.random.seed(seed)
            alone = step(dict(views=alone))['views']
            for name, own in together.items():
                assert own[key].shape == own['img_shape'] == alone[name]['img_shape']
                assert own[key].dtype == np.float32 and own[key].flags.c_contiguous
                np.testing.assert_allclose(own[key], alone[name]['img'], atol=1e-6)
        for own in together.values():
            untouched = own['synthetic_mask'] == 0
            np.testing.assert_array_equal(
                own['img'][untouched], own['clean_img'][untouched]
            )


def test_random_draws_can_be_shared_by_both_sides():
    where = (ROWS * 100 + COLUMNS).astype(np.float32)
    with TRANSFORMS.switch_scope_and_registry('mammo'):
        step = TRANSFORMS.build(
            dict(
                type='ForEachView',
                share_random_params=True,
                transforms=[
                    dict(
                        type='WithCleanImage',
                        transforms=[dict(type='RandomCrop', crop_size=(30, 20))],
                    )
                ],
            )
        )
    seen = set()
    for _ in range(5):
        made = step(
            dict(
                views={
                    k: {
                        **view(0),
                        'img': where,
                        'clean_img': where,
                        'synthetic_mask': where,
                    }
                    for k in 'RL'
                }
            )
        )
        right, left = (made['views'][k]['clean_img'] for k in 'RL')
        np.testing.assert_array_equal(right, left)
        seen.add(right[0, 0])
    assert len(seen) > 1


def test_a_transform_may_give_a_view_up():
    class GiveUp:
        def __call__(self, results):
            return None

    sample = transform().insert(pair(), 0)
    with TRANSFORMS.switch_scope_and_registry('mammo'):
        wrapper = TRANSFORMS.build(dict(type='WithCleanImage', transforms=[GiveUp()]))
    assert wrapper(sample['views']['R']) is None


@pytest.fixture
def ann_file(phantom_root, tmp_path):
    """The phantom's exams: three normal, and three with an abnormal right breast."""
    data = json.loads((phantom_root / 'annotations/train.json').read_text())
    exams = sorted({image['exam_id'] for image in data['images']})
    for image in data['images']:
        image['abnormal'] = image['exam_id'] in exams[3:] and image['laterality'] == 'R'
    data['annotations'] = []
    path = tmp_path / 'train.json'
    path.write_text(json.dumps(data))
    (tmp_path / 'dicom').symlink_to(phantom_root / 'dicom')
    return path


def test_in_the_pipeline_of_a_data_set(ann_file):
    def build(lesions, **settings):
        with DATASETS.switch_scope_and_registry('mammo'):
            return DATASETS.build(
                dict(
                    dict(
                        type='ExamDataset',
                        target='pair',
                        complete=True,
                        labels=LABELS,
                        ann_file=str(ann_file),
                        data_root=str(ann_file.parent),
                        pipeline=[
                            dict(
                                type='ForEachView',
                                transforms=[dict(type='LoadMammogram')],
                            ),
                            dict(type='InsertLesions', bank=lesions, prob=1.0),
                            dict(
                                type='ForEachView',
                                transforms=[
                                    dict(
                                        type='WithCleanImage',
                                        transforms=[
                                            dict(
                                                type='Resize',
                                                scale=(64, 128),
                                                keep_ratio=False,
                                            )
                                        ],
                                    )
                                ],
                            ),
                        ],
                    ),
                    **settings,
                )
            )

    mine = bank(lesion(spacing=None, image_shape=(90, 40)))
    np.random.seed(1)
    samples = list(build(mine))
    assert [s['gt_label'] for s in samples].count(0) == 6
    for sample in samples:
        assert sample['synthetic'] is (sample['gt_label'] == 0)
        for own in sample['views'].values():
            assert own['img'].shape == (128, 64)
            if sample['synthetic']:
                changed = own['img'] != own['clean_img']
                assert changed.any() == own['synthetic_gt_label']
                assert not changed[own['synthetic_mask'] == 0].any()
    with pytest.raises(AnnotationError, match='weakly supervised'):
        build(bank(dataset='phantom'))[0]
    with pytest.raises(AnnotationError, match='test_mode'):
        build(mine, test_mode=True)[0]
