"""Pasting lesions in the pipeline: where, from whom, and never into tests."""

import copy
import json
from unittest import mock

import numpy as np
import pytest

from mammo_plugins.anatomy import (
    CanonicalFrame,
    Nipple,
    transform_boxes,
    transform_points,
)
from mammo_plugins.datasets.transforms import registration, synthesis
from mammo_plugins.registry import DATASETS, TRANSFORMS
from mammo_plugins.structures import AnnotationError
from mammo_plugins.structures.saliency import SaliencyError, SaliencyMaps, view_name

LABELS = dict(field='pathology', negative=('benign',), positive=('malignant',))
PLAIN = dict(fourier_beta=None, soft_mask=None, context=1.0, same_distance=False)


@pytest.fixture
def ann_file(phantom_root, tmp_path, pixel_cache):
    """The phantom's exams; breasts with a lesion are malignant, others benign."""
    data = json.loads((phantom_root / 'annotations/train.json').read_text())
    with_lesion = {a['image_id'] for a in data['annotations']}
    breasts = {
        (i['exam_id'], i['laterality'])
        for i in data['images']
        if i['id'] in with_lesion
    }
    for image in data['images']:
        bad = (image['exam_id'], image['laterality']) in breasts
        image['pathology'] = 'malignant' if bad else 'benign'
    for annotation in data['annotations']:
        annotation['pathology'] = 'malignant'
    path = tmp_path / 'train.json'
    path.write_text(json.dumps(data))
    (tmp_path / 'dicom').symlink_to(phantom_root / 'dicom')
    (tmp_path / 'pixels').symlink_to(pixel_cache)
    return path


def build(ann_file, **settings):
    with DATASETS.switch_scope_and_registry('mammo'):
        return DATASETS.build(
            dict(
                dict(
                    type='ExamDataset',
                    target='breast',
                    complete=True,
                    labels=LABELS,
                    ann_file=str(ann_file),
                    data_root=str(ann_file.parent),
                    pipeline=[
                        dict(
                            type='ForEachView',
                            transforms=[
                                dict(
                                    type='LoadMammogram',
                                    cache_dir=str(ann_file.parent / 'pixels'),
                                )
                            ],
                        )
                    ],
                ),
                **settings,
            )
        )


@pytest.fixture
def dataset(ann_file):
    return build(ann_file)


@pytest.fixture
def saliency(dataset):
    """One hot spot a view, at a third of its height, near the chest wall."""
    hot = np.zeros((9, 6), np.float32)
    hot[3:6, 1:3] = 1
    return SaliencyMaps(
        {
            view_name(view): hot
            for i in range(len(dataset))
            for view in dataset.get_data_info(i)['views'].values()
        }
    )


def transform(saliency, **settings):
    return TRANSFORMS.build(
        dict(dict(type='SynthesizeMalignancy', saliency=saliency, prob=1.0), **settings)
    )


def pair(dataset):
    """A benign and a malignant breast."""
    labels = [dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))]
    return dataset[labels.index(0)], dataset[labels.index(1)]


def test_the_lesion_is_pasted_where_saliency_is_highest(dataset, saliency):
    step = transform(saliency, **PLAIN)
    step.donors(dataset)
    benign, malignant = pair(dataset)
    before = copy.deepcopy(benign)
    result = step.synthesize(benign, malignant, seed=0)
    assert result['gt_label'] == 1 and set(result['synthesis']) == {'CC', 'MLO'}
    for name, facts in result['synthesis'].items():
        view, donor = result['views'][name], malignant['views'][name]
        assert view['gt_label'] == 1
        lesion, frame = (
            view['instances'][-1],
            CanonicalFrame.from_dict(view['canonical_frame']),
        )
        region = transform_boxes(facts['region'], frame.matrix)[0]
        x1, y1, x2, y2 = region.astype(int)
        np.testing.assert_allclose(region, lesion['bbox'], atol=1)
        # by brute force: no other place in the breast has more
        height, width = view['img'].shape
        heat = saliency.of(view, (height, width))
        assert heat[y1:y2, x1:x2].sum() == pytest.approx(facts['saliency'], rel=1e-5)
        best = max(
            heat[i : i + y2 - y1, j : j + x2 - x1].sum()
            for i in range(height - (y2 - y1) + 1)
            for j in range(width - (x2 - x1) + 1)
        )
        assert facts['saliency'] == pytest.approx(best, rel=1e-5)
        # what was pasted is the donor's box, to the pixel
        source = CanonicalFrame.from_dict(donor['canonical_frame'])
        u1, v1, u2, v2 = np.rint(
            transform_boxes(facts['lesion'], source.matrix)[0]
        ).astype(int)
        np.testing.assert_array_equal(
            view['img'][y1:y2, x1:x2], donor['img'][v1:v2, u1:u2]
        )
        assert facts['malignant'] == donor['img_id']
        outside = np.ones((height, width), bool)
        outside[y1:y2, x1:x2] = False
        np.testing.assert_array_equal(
            view['img'][outside], before['views'][name]['img'][outside]
        )


def test_context_is_cut_out_with_the_lesion(dataset, saliency):
    """The box that is annotated keeps the lesion's size."""
    step = transform(saliency, **dict(PLAIN, context=2.0, min_inside=0.5))
    step.donors(dataset)
    benign, malignant = pair(dataset)
    result = step.synthesize(benign, malignant, seed=0)
    assert result['synthesis']
    for name, facts in result['synthesis'].items():
        view, donor = result['views'][name], malignant['views'][name]
        lesion = np.array(view['instances'][-1]['bbox'])
        originals = np.array([i['bbox'] for i in donor['instances']])
        sizes = originals[:, 2:] - originals[:, :2]
        size = lesion[2:] - lesion[:2]
        assert np.abs(sizes - size).sum(1).min() < 1e-3
        x1, y1, x2, y2 = facts['region']
        cut = np.array(facts['lesion'])
        np.testing.assert_allclose([x2 - x1, y2 - y1], cut[2:] - cut[:2])
        grown = np.minimum(2 * size, view['img'].shape[::-1])
        assert (np.array([x2 - x1, y2 - y1]) <= grown + 2).all()
        assert (np.array([x2 - x1, y2 - y1]) > size + 2).any()


def disc_in(view, box, level, around):
    """Make a view's breast flat, with one lesion that fills its box as a disc."""
    x1, y1, x2, y2 = box
    rows, columns = np.indices(view['img'].shape) + 0.5
    disc = (
        np.hypot(
            (columns - (x1 + x2) / 2) / (x2 - x1), (rows - (y1 + y2) / 2) / (y2 - y1)
        )
        < 0.5
    )
    view['img'] = np.where(disc, level, around).astype(np.float32)
    view['instances'] = [dict(view['instances'][0], bbox=[*map(float, box)])]


@pytest.mark.parametrize(
    'context, least, most',
    [
        # the amplitude at zero frequency is the patch's mean: the disc covers pi / 4 of
        # its box and pi / 16 of the grown one, and what is left of it stands out
        (1.0, 0.0, 0.07),
        (2.0, 0.2, 0.3),
    ],
)
def test_a_lesion_in_a_tight_box_keeps_its_contrast(
    dataset, saliency, context, least, most
):
    step = transform(saliency, context=context, soft_mask=None)
    assert transform(saliency).context == 2
    step._inside = lambda view: np.ones(view['img'].shape, bool)
    step.donors(dataset)
    benign, malignant = pair(dataset)
    for view in benign['views'].values():
        view['img'] = np.full_like(view['img'], 0.3)
    for view in malignant['views'].values():
        disc_in(view, (20, 40, 32, 52), 0.8, 0.5)
    result = step.synthesize(benign, malignant, seed=0)
    for name, facts in result['synthesis'].items():
        made = result['views'][name]['img']
        x1, y1, x2, y2 = map(int, result['views'][name]['instances'][-1]['bbox'])
        disc = made[y1 + 4 : y2 - 4, x1 + 4 : x2 - 4].mean()
        ring = made[[[y1 - 2], [y2 + 1]], x1 - 2 : x2 + 2]
        assert least <= disc - ring.mean() <= most
        assert made[made != np.float32(0.3)].mean() == pytest.approx(0.3, abs=1e-3)


def test_soft_masks_are_centred_on_the_lesion(dataset, saliency):
    """At the image's edge the grown box is cut, and the lesion not in its middle."""
    step = transform(
        saliency, fourier_beta=None, soft_mask=dict(centre_range=(0.5, 0.5))
    )
    step._inside = lambda view: np.ones(view['img'].shape, bool)
    step.donors(dataset)
    benign, malignant = pair(dataset)
    for view in malignant['views'].values():
        disc_in(view, (0, 40, 12, 52), 0.8, 0.5)
    result = step.synthesize(benign, malignant, seed=0)
    assert result['synthesis']
    for name, facts in result['synthesis'].items():
        mask = facts['soft_mask']  # the patch begins at (0, 34) and is 18 wide
        assert (mask['mu_x'], mask['mu_y']) == (6, 12)


def nipple_distances(result):
    """Return how far the middles of the pasted lesions are from the nipple, in mm."""
    found = []
    for name, facts in result['synthesis'].items():
        view = result['views'][name]
        middle = np.add(facts['region'][:2], facts['region'][2:]) / 2
        found.append(
            float(
                np.linalg.norm(
                    (middle - view['nipple']) * view['pixel_spacing_mm'][::-1]
                )
            )
        )
    return found


@pytest.fixture
def opposite(dataset):
    """Saliency that is strongest near the nipple in CC and far from it in MLO."""
    columns = np.linspace(0, 1, 12)
    rows = np.ones((24, 1))
    return SaliencyMaps(
        {
            view_name(view): (
                rows * (columns if view['view'] == 'CC' else columns[::-1]) + 0.1
            ).astype(np.float32)
            for i in range(len(dataset))
            for view in dataset.get_data_info(i)['views'].values()
        }
    )


def test_a_lesion_keeps_its_distance_from_the_nipple(dataset, opposite):
    """As far as each view keeps half of the saliency that it has by itself."""
    settings = dict(PLAIN, saliency=opposite, min_inside=0.99)
    apart, saliency = [], []
    for same_distance in (False, True):
        step = transform(**dict(settings, same_distance=same_distance))
        step.donors(dataset)
        result = step.synthesize(*pair(dataset), seed=0)
        facts = result['synthesis']
        assert set(facts) == {'CC', 'MLO'}
        assert {each['same_distance'] for each in facts.values()} == {same_distance}
        cc, mlo = nipple_distances(result)
        apart.append(abs(cc - mlo))
        saliency.append({name: facts[name]['saliency'] for name in facts})
        for name, each in facts.items():
            assert (
                each['saliency_kept']
                == pytest.approx(saliency[-1][name] / saliency[0][name])
                and each['saliency_kept'] >= 0.5
            )
    pixel = max(result['views']['CC']['pixel_spacing_mm'])
    assert apart[0] > 10 * pixel and apart[1] < 2.5 * pixel


def test_nipples_on_the_skin_line_have_to_be_sure(dataset, opposite, monkeypatch):
    """As sure as in the registration of both breasts; the file does not say how."""
    step = transform(opposite, **dict(PLAIN, same_distance=True))
    step.donors(dataset)
    benign, malignant = pair(dataset)
    true = {
        id(view['img']): transform_points(view['nipple'], view['homography_matrix'])
        for view in benign['views'].values()
    }
    for view in benign['views'].values():
        view.update(nipple_source='contour', pixel_cache=None)
    for sure, together in ((0.49, False), (0.51, True)):
        monkeypatch.setattr(
            registration,
            'find_nipple',
            lambda image, view: Nipple(*true[id(image)], sure, True),
        )
        step._places._nipples.clear()
        facts = step.synthesize(
            copy.deepcopy(
                benign, {id(v['img']): v['img'] for v in benign['views'].values()}
            ),
            malignant,
            seed=0,
        )['synthesis']
        assert [each['same_distance'] for each in facts.values()] == [together] * 2


def test_views_without_a_nipple_are_placed_apart(dataset, saliency):
    """And so are lesions that one view alone has."""
    steps = [
        transform(saliency, **dict(PLAIN, same_distance=same)) for same in (False, True)
    ]
    found = []
    for step in steps:
        step.donors(dataset)
        benign, malignant = pair(dataset)
        for view in benign['views'].values():
            step._places._nipples[view['img_path']] = None
        found.append(step.synthesize(benign, malignant, seed=0)['synthesis'])
    for name, facts in found[0].items():
        assert facts['region'] == found[1][name]['region']
    benign, malignant = pair(dataset)
    del malignant['views']['MLO']
    assert set(steps[1].synthesize(benign, malignant, seed=0)['synthesis']) == {'CC'}


def test_lesions_of_different_kinds_are_not_pasted_as_one(dataset, saliency):
    """Without an id: a mass in CC and a calcification in MLO are two lesions."""
    step = transform(saliency, **PLAIN)
    step.donors(dataset)
    benign, malignant = pair(dataset)
    for label, view in enumerate(malignant['views'].values()):
        view['instances'] = [
            dict(view['instances'][0], lesion_id=None, bbox_label=label)
        ]
    seen = set()
    for seed in range(6):
        facts = step.synthesize(copy.deepcopy(benign), malignant, seed)['synthesis']
        assert [each['paired'] for each in facts.values()] == ['unpaired']
        seen |= set(facts)
    assert seen == {'CC', 'MLO'}  # now one, now the other
    for view in malignant['views'].values():
        view['instances'][0]['bbox_label'] = 0
    facts = step.synthesize(copy.deepcopy(benign), malignant, 0)['synthesis']
    assert [each['paired'] for each in facts.values()] == ['category'] * 2


def test_the_log_says_how_donors_are_paired(ann_file, saliency):
    """Ids, kinds and annotated nipples of the file are all that is asked."""
    data = json.loads(ann_file.read_text())
    with_lesion = sorted({a['image_id'] for a in data['annotations']})
    for annotation in data['annotations']:
        if annotation['image_id'] not in with_lesion[:2]:
            annotation['lesion_id'] = None
    ann_file.write_text(json.dumps(data))
    with mock.patch.object(synthesis, 'print_log') as said:
        transform(saliency).donors(build(ann_file))
    text = said.call_args_list[0].args[0]
    assert '1 are known in both views by lesion_id' in text
    assert '3 by category and distance from an annotated nipple' in text
    assert '0 are in one view alone, and 0 have no match' in text


def test_the_same_seed_gives_the_same_pixels(dataset, saliency):
    step = transform(saliency)
    step.donors(dataset)
    benign, malignant = pair(dataset)
    made = [
        step.synthesize(copy.deepcopy(benign), malignant, seed) for seed in (4, 4, 5)
    ]
    for name in ('CC', 'MLO'):
        images = [m['views'][name]['img'] for m in made]
        np.testing.assert_array_equal(images[0], images[1])
        assert (images[0] != images[2]).any()
    assert made[0]['synthesis'] == made[1]['synthesis']
    assert {'mu_x', 'mu_y', 'sigma'} == set(made[0]['synthesis']['CC']['soft_mask'])


def test_malignant_breasts_are_left_alone(dataset, saliency):
    step = transform(saliency)
    step.donors(dataset)
    _, malignant = pair(dataset)
    before = copy.deepcopy(malignant)
    result = step(dict(malignant, mix_results=[before]))
    assert 'synthesis' not in result and result['gt_label'] == 1
    np.testing.assert_array_equal(
        result['views']['CC']['img'], before['views']['CC']['img']
    )


@pytest.mark.parametrize('prob', [0.0, 1.0])
def test_probability(dataset, saliency, prob):
    step = transform(saliency, prob=prob)
    drawn = [step.get_indexes(dataset) for _ in range(20)]
    assert all(len(d) == prob for d in drawn)
    labels = [dataset.get_data_info(d[0])['gt_label'] for d in drawn if d]
    assert all(label == 1 for label in labels)


@pytest.mark.parametrize('named', [False, True])
def test_in_a_wrapper(ann_file, saliency, named):
    """As the config has it: labels become those of the pasted lesions."""
    steps = dict(
        synthesis=dict(type='SynthesizeMalignancy', saliency=saliency, prob=1.0),
        resize=dict(
            type='ForEachView',
            transforms=[dict(type='Resize', scale=(48, 96), keep_ratio=False)],
        ),
        pack=dict(type='PackExamInputs', views=('CC', 'MLO')),
    )
    kind = 'NamedMixDataset' if named else 'MultiImageMixDataset'
    with DATASETS.switch_scope_and_registry('mammo'):
        wrapped = DATASETS.build(
            dict(
                type=kind,
                dataset=build(ann_file),
                pipeline=dict(steps, order=list(steps)) if named else [*steps.values()],
            )
        )
    np.random.seed(0)
    packed = [wrapped[i] for i in range(len(wrapped))]
    assert all(p['data_samples'].gt_label.item() == 1 for p in packed)
    assert all(p['inputs']['CC'].shape == (1, 96, 48) for p in packed)
    assert {wrapped.get_data_info(i)['gt_label'] for i in range(len(wrapped))} == {0, 1}


def test_a_breast_without_saliency_keeps_its_label(dataset, saliency):
    dark = SaliencyMaps({k: 0 * v for k, v in saliency.maps.items()})
    step = transform(dark)
    step.donors(dataset)
    benign, malignant = pair(dataset)
    before = copy.deepcopy(benign)
    result = step.synthesize(benign, malignant, seed=0)
    assert result['gt_label'] == 0 and result['synthesis'] == {}
    for name in ('CC', 'MLO'):
        np.testing.assert_array_equal(
            result['views'][name]['img'], before['views'][name]['img']
        )


def test_a_lesion_larger_than_the_breast_is_not_pasted(dataset, saliency):
    step = transform(saliency)
    step.donors(dataset)
    benign, malignant = pair(dataset)
    for view in malignant['views'].values():
        height, width = view['img'].shape
        for lesion in view['instances']:
            lesion['bbox'] = [-9.0, -9.0, width + 9.0, height + 9.0]
    result = step.synthesize(benign, malignant, seed=0)
    assert result['gt_label'] == 0 and result['synthesis'] == {}


def test_a_lesion_at_the_border_is_cut_there(dataset, saliency):
    step = transform(saliency, **PLAIN)
    step.donors(dataset)
    benign, malignant = pair(dataset)
    height = malignant['views']['CC']['img'].shape[0]
    malignant['views'] = {'CC': malignant['views']['CC']}
    malignant['views']['CC']['instances'] = [
        dict(
            malignant['views']['CC']['instances'][0],
            bbox=[-4.0, height / 2, 7.5, height / 2 + 6.2],
        )
    ]
    result = step.synthesize(benign, malignant, seed=0)
    assert set(result['synthesis']) == {'CC'}
    x1, y1, x2, y2 = result['views']['CC']['instances'][-1]['bbox']
    assert (x2 - x1, y2 - y1) == pytest.approx((7.5, 6.2))
    assert 'gt_label' in result and result['gt_label'] == 1


def test_never_in_validation_or_test(ann_file, saliency):
    step = transform(saliency)
    with pytest.raises(AnnotationError, match='never enter validation or test'):
        step.get_indexes(build(ann_file, test_mode=True))


def test_synthetic_images_are_refused_in_tests(ann_file):
    data = json.loads(ann_file.read_text())
    data['images'][3]['synthetic'] = dict(benign='a.png', malignant='b.png')
    ann_file.write_text(json.dumps(data))
    assert len(build(ann_file))
    with pytest.raises(AnnotationError, match='synthetic'):
        build(ann_file, test_mode=True)


def test_ignored_lesions_are_no_donors(ann_file, saliency):
    data = json.loads(ann_file.read_text())
    for annotation in data['annotations']:
        annotation['iscrowd'] = 1
    ann_file.write_text(json.dumps(data))
    with pytest.raises(AnnotationError, match='nothing to paste'):
        transform(saliency).get_indexes(build(ann_file))


def test_lacking_saliency_is_told_at_once(dataset, saliency):
    lacking = dict(saliency.maps)
    (benign,) = [v for v in pair(dataset)[0]['views'].values() if v['view'] == 'CC']
    del lacking[view_name(benign)]
    with pytest.raises(SaliencyError, match=view_name(benign)):
        transform(SaliencyMaps(lacking)).get_indexes(dataset)


def test_outside_its_wrapper(dataset, saliency):
    with pytest.raises(AnnotationError, match='NamedMixDataset'):
        transform(saliency)(pair(dataset)[0])


@pytest.mark.parametrize(
    'wrong',
    [
        dict(fourier_beta=7),
        dict(min_inside=90),
        dict(adapt='both'),
        dict(adapt='benign', soft_mask=None),
        dict(context=0),
        dict(prob=2),
    ],
)
def test_wrong_arguments(saliency, wrong):
    with pytest.raises(ValueError, match=f'SynthesizeMalignancy.{next(iter(wrong))}'):
        transform(saliency, **wrong)


def test_large_images_are_searched_on_a_grid(dataset, saliency):
    """The place is that of the small image, to a pixel of the grid."""
    import mammo_plugins.datasets.transforms.saliency_places as module

    step = transform(saliency, **PLAIN)
    step.donors(dataset)
    benign, malignant = pair(dataset)
    whole = step.synthesize(copy.deepcopy(benign), malignant, seed=0)
    before, module.GRID_SIZE = module.GRID_SIZE, 60  # a half of the phantom's
    try:
        coarse = step.synthesize(copy.deepcopy(benign), malignant, seed=0)
    finally:
        module.GRID_SIZE = before
    assert set(coarse['synthesis']) == set(whole['synthesis'])
    for name, facts in whole['synthesis'].items():
        other = coarse['synthesis'][name]
        sizes = [np.subtract(f['region'][2:], f['region'][:2]) for f in (facts, other)]
        np.testing.assert_allclose(sizes[0], sizes[1])
        heat = saliency.of(benign['views'][name], benign['views'][name]['img'].shape)
        frame = CanonicalFrame.from_dict(benign['views'][name]['canonical_frame'])
        x1, y1, x2, y2 = (
            transform_boxes(other['region'], frame.matrix)[0].round().astype(int)
        )
        assert heat[y1:y2, x1:x2].sum() > 0.8 * facts['saliency']


BIRADS = dict(field='birads', negative=(None, '2'), positive=('4', '5'))


@pytest.fixture
def graded(ann_file):
    """Outline lesions in CC alone; grade them, their view and the breast's MLO."""

    def change(lesion, view, other='2'):
        data = json.loads(ann_file.read_text())
        in_cc = {i['id'] for i in data['images'] if i['view'] == 'CC'}
        data['annotations'] = [
            dict(a, birads=lesion, pathology=None)
            for a in data['annotations']
            if a['image_id'] in in_cc
        ]
        showing = {a['image_id'] for a in data['annotations']}
        breasts = {
            (i['exam_id'], i['laterality'])
            for i in data['images']
            if i['id'] in showing
        }
        for image in data['images']:
            bad = (image['exam_id'], image['laterality']) in breasts
            image['pathology'] = None
            image['birads'] = (
                (view if image['id'] in showing else other) if bad else '2'
            )
        ann_file.write_text(json.dumps(data))
        return build(ann_file, labels=BIRADS)

    return change


@pytest.mark.parametrize(
    'lesion, view, other, grade',
    [
        ('5', '4', '2', '5'),  # its own
        ('3', '4', '4', '4'),  # of VinDr-Mammo: probably benign, in a malignant breast
        (None, '5', '5', '5'),  # its lymph nodes and retractions; lesions of INbreast
        (None, '4B', '2', '4B'),
        ('4C', '2', '4', '4C'),
        (None, '3', '5', '5'),
        ('3', None, '4', '4'),
    ],
)  # by the other view
def test_all_lesions_of_malignant_breasts_are_donors(
    graded, saliency, lesion, view, other, grade
):
    """The nearest grade that has a class says so, and becomes the view's."""
    dataset = graded(lesion, view, other)
    step = transform(saliency, **PLAIN)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert step.donors(dataset) == [
        i
        for i, info in enumerate(infos)
        if any(v['instances'] for v in info['views'].values())
    ]
    benign = next(
        i
        for i, info in enumerate(infos)
        if not any(v['instances'] for v in info['views'].values())
    )
    donor = step.donors(dataset)[0]
    result = step.synthesize(dataset[benign], dataset[donor], seed=0)
    assert result['gt_label'] == 1 and result['synthesis']
    for name in result['synthesis']:
        made = result['views'][name]
        assert (made['birads'], made['abnormal']) == (grade, True)
        assert made['instances'][-1]['birads'] == lesion
    # the rule of the data set calls what was made malignant
    assert dataset.label_rule.of_target(list(result['views'].values())) == 1


@pytest.mark.parametrize(
    'lesion, view, other', [('2', '4', '4'), (None, '2', '4'), ('3', '3', '2')]
)
def test_lesions_graded_benign_are_no_donors(graded, saliency, lesion, view, other):
    with pytest.raises(AnnotationError, match='there is nothing to paste'):
        transform(saliency).donors(graded(lesion, view, other))


def test_no_annotated_lesion(ann_file, saliency):
    data = json.loads(ann_file.read_text())
    for annotation in data['annotations']:
        annotation['pathology'] = 'benign'
    ann_file.write_text(json.dumps(data))
    with pytest.raises(AnnotationError, match='nothing to paste'):
        transform(saliency).get_indexes(build(ann_file))


@pytest.mark.parametrize('digits, said', [(64 * 'b', 64 * 'b'), (None, 'unknown')])
def test_the_network_of_the_saliency_is_told(dataset, saliency, digits, said):
    """Files of earlier versions do not know it; a warning says so."""
    step = transform(SaliencyMaps(saliency.maps, digits), **PLAIN)
    with mock.patch.object(synthesis, 'print_log') as log:
        step.donors(dataset)
    warned = [call for call in log.call_args_list if call.kwargs.get('level')]
    assert len(warned) == (digits is None)
    facts = step.synthesize(*pair(dataset), seed=0)['synthesis']
    assert {each['saliency_checkpoint_sha256'] for each in facts.values()} == {said}


def test_saliency_file(tmp_path, dataset):
    view = dataset.get_data_info(0)['views']['CC']
    maps = SaliencyMaps({view_name(view): np.eye(3, dtype=np.float32)})
    path = tmp_path / 'folder/saliency.npz'
    maps.write(path)
    again = SaliencyMaps.read(path)
    assert again.checkpoint_sha256 is None
    np.testing.assert_array_equal(again.maps[view_name(view)], np.eye(3))
    assert again.of(view, (30, 60)).shape == (30, 60)
    # bilinear: a constant map stays constant
    np.testing.assert_allclose(
        SaliencyMaps({view_name(view): np.full((2, 3), 0.7)}).of(view, (9, 8)),
        0.7,
        rtol=1e-6,
    )
    with pytest.raises(SaliencyError, match='no saliency map of'):
        SaliencyMaps({}).of(view, (4, 4))
    with pytest.raises(SaliencyError, match='mammo saliency CONFIG'):
        SaliencyMaps.read(tmp_path / 'none.npz')
    for digits in (64 * 'a', 'a', 64 * 'g'):
        SaliencyMaps(maps.maps, digits).write(path)
        if digits == 64 * 'a':
            again = SaliencyMaps.read(path)
            assert again.checkpoint_sha256 == digits
            assert list(again.maps) == list(maps.maps)
        else:
            with pytest.raises(SaliencyError, match='64 hexadecimal digits'):
                SaliencyMaps.read(path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(SaliencyError, match='not a file of saliency'):
        SaliencyMaps.read(path)
