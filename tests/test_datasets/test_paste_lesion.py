"""Lesions pasted for the blending adversarial networks."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from mammo_plugins.anatomy import CanonicalFrame
from mammo_plugins.datasets import BlendingDataset
from mammo_plugins.datasets.transforms import (
    CropToLesion,
    InsertLesions,
    PackBlendingInputs,
    PasteLesion,
    Resize,
)
from mammo_plugins.datasets.transforms.paste_lesion import turned_patch
from mammo_plugins.phantom import PhantomConfig, make_exam
from mammo_plugins.structures import AnnotationError, BankLesion, LesionBank


def lesion(size=(12, 20), **facts):
    """A ramp along x whose left half is the lesion."""
    height, width = size
    ramp = np.broadcast_to((np.arange(width) + 0.5) / width, size)
    mask = np.zeros(size, bool)
    mask[:, : width // 2] = True
    return BankLesion.of(
        ramp,
        mask,
        **dict(
            dict(
                image_shape=(100.0, 60.0),
                pixel_spacing_mm=(0.5, 0.5),
                file_name='images/a.png',
                box=(3.0, 4.0, 23.0, 16.0),
                pathology='malignant',
            ),
            **facts,
        ),
    )


def view(size=(80, 50), breast=0.4, **facts):
    image = np.zeros(size, np.float32)
    image[8:-8, :-12] = breast
    return dict(
        dict(
            img=image,
            ori_shape=size,
            pixel_spacing_mm=(0.5, 0.5),
            homography_matrix=np.eye(3),
            instances=[],
            canonical_frame=dict(
                source_width=size[1],
                source_height=size[0],
                crop=(0, 0, size[1], size[0]),
                flipped=False,
            ),
        ),
        **facts,
    )


def paste(*lesions, dataset='inbreast', split='train', **settings):
    bank = LesionBank(dataset, list(lesions) or [lesion()], split)
    return PasteLesion(bank, **settings)


def sample(**facts):
    return dict(
        dict(
            views=dict(normal=view(), real=view(breast=0.7)),
            dataset='inbreast',
            test_mode=False,
        ),
        **facts,
    )


def test_a_patch_that_is_not_turned_stays():
    patch = turned_patch(lesion(), (12, 20), 0.0)
    np.testing.assert_allclose(patch.pixels, lesion().pixels, atol=1e-5)
    assert patch.region.all()
    np.testing.assert_array_equal(patch.lesion, lesion().mask)


@pytest.mark.parametrize('turns', [1, 2, 3])
def test_quarter_turns_are_those_of_numpy(turns):
    patch = turned_patch(lesion(), (12, 20), 90.0 * turns)
    np.testing.assert_allclose(
        patch.pixels, np.rot90(lesion().pixels, turns), atol=1e-4
    )
    np.testing.assert_array_equal(patch.lesion, np.rot90(lesion().mask, turns))


@pytest.mark.parametrize('angle', [17.0, -63.0, 130.0])
def test_nothing_is_cut_off(angle):
    """Areas stay, up to the pixels of the rim; the rim is not darkened."""
    flat = BankLesion.of(np.full((24, 40), 0.5), **lesion().facts())
    patch = turned_patch(flat, (24, 40), angle)
    assert patch.region.sum() == pytest.approx(24 * 40, rel=0.04)
    assert patch.pixels[patch.region] == pytest.approx(0.5, abs=0.01)
    assert not patch.pixels[~patch.region].any()
    assert patch.lesion.sum() <= patch.region.sum()


def test_resized():
    patch = turned_patch(lesion(), (6, 10), 0.0)
    np.testing.assert_allclose(
        patch.pixels, lesion().pixels.reshape(6, 2, 10, 2).mean((1, 3)), atol=1e-5
    )


@pytest.mark.parametrize('seed', range(5))
def test_image_changes_in_the_region_alone(seed):
    own = view()
    made = paste().paste(own, seed)
    region = made['paste_region']
    np.testing.assert_array_equal(made['img'], own['img'])
    np.testing.assert_array_equal(made['pasted_img'][~region], own['img'][~region])
    assert (made['pasted_img'] != own['img'])[region].mean() > 0.9
    assert made['lesion_mask'].any() and not (made['lesion_mask'] & ~region).any()
    # the ramp's left half is the darker one, however it is turned
    dark = made['pasted_img'][made['lesion_mask']]
    bright = made['pasted_img'][region & ~made['lesion_mask']]
    assert dark.mean() == pytest.approx(0.25, abs=0.05)
    assert 0.65 < bright.mean() < 0.8  # what would lie over air is left out
    rows, columns = np.nonzero(made['lesion_mask'])
    x, y = made['paste']['centre']
    assert x == pytest.approx((columns.min() + columns.max() + 1) / 2, abs=1)
    assert y == pytest.approx((rows.min() + rows.max() + 1) / 2, abs=1)
    assert own['img'][rows, columns].astype(bool).mean() > 0.8  # in the breast
    facts = dict(made['paste'])
    assert facts['file_name'] == 'images/a.png' and facts['seed'] == seed
    json.dumps(facts)


def test_same_seed_same_image():
    one, same, other = (paste().paste(view(), seed)['pasted_img'] for seed in (1, 1, 2))
    assert (one == same).all() and (one != other).any()


def test_size_in_millimetres():
    """At half the spacing a lesion has twice the pixels a side."""
    still = dict(scale_range=(1.0, 1.0), max_angle=0.0)
    areas = [
        paste(**still)
        .paste(view((160, 100), pixel_spacing_mm=spacing), 3)['paste_region']
        .sum()
        for spacing in ((0.5, 0.5), (0.25, 0.25))
    ]
    assert areas == [12 * 20, 4 * 12 * 20]


def test_drawn_sizes_and_angles():
    step = paste(scale_range=(0.5, 2.0))
    facts = [step.paste(view((160, 100)), seed)['paste'] for seed in range(60)]
    scales, angles = (np.array([f[k] for f in facts]) for k in ('scale', 'angle'))
    assert 0.5 <= scales.min() < 0.65 and 1.6 < scales.max() <= 2
    assert abs(np.log(scales).mean()) < 0.2  # as often smaller as larger
    assert angles.min() < -120 and angles.max() > 120


def test_noise_has_nothing_of_the_lesion():
    made = paste(noise=True).paste(view(), 0)
    pixels = made['pasted_img'][made['paste_region']]
    assert 0.2 < pixels.std() < 0.35
    dark = made['pasted_img'][made['lesion_mask']]
    assert dark.mean() == pytest.approx(0.5, abs=0.1)


def test_a_lesion_larger_than_the_breast():
    assert paste(lesion((90, 90))).paste(view(), 0) is None
    assert paste(lesion((90, 90))).transform(sample()) is None


def test_sources():
    """Only lesions of the training split, if of the same data set."""
    assert paste().transform(sample())['views']['normal']['paste_region'].any()
    assert paste(dataset='ddsm', split=None).transform(sample())
    for split in ('test', None):
        with pytest.raises(AnnotationError, match='training split'):
            paste(split=split).transform(sample())
    with pytest.raises(AnnotationError, match='test_mode=True'):
        paste().transform(sample(test_mode=True))
    with pytest.raises(ValueError, match='smaller first'):
        paste(scale_range=(1.2, 0.8))


def test_packed():
    np.random.seed(0)
    packed = PackBlendingInputs().transform(paste().transform(sample()))
    batch = default_collate([packed, packed])['inputs']
    assert set(batch) == {'normal', 'pasted', 'mask', 'real'}
    assert all(
        x.shape == (2, 1, 80, 50) and x.dtype == torch.float32 for x in batch.values()
    )
    assert set(batch['mask'].unique().tolist()) == {0.0, 1.0}
    assert batch['real'].max() == pytest.approx(0.7)


def test_dataset_pairs_normal_views_with_real_ones(phantom_root):
    data = BlendingDataset(
        data_root=str(phantom_root), ann_file='annotations/train.json', pipeline=[]
    )
    images = json.loads((phantom_root / 'annotations/train.json').read_text())
    ill = {a['image_id'] for a in images['annotations']}
    assert len(data) == len(images['images']) - len(ill)
    np.random.seed(0)
    drawn = set()
    for _ in range(10):
        for i in range(len(data)):
            views = data[i]['views']
            assert views['normal']['img_id'] not in ill
            drawn.add(views['real']['img_id'])
    assert drawn == ill


def test_ignored_regions_are_no_lesions(phantom_root, tmp_path, monkeypatch):
    """Views with them alone are neither normal nor real, and counted."""
    data = json.loads((phantom_root / 'annotations/train.json').read_text())
    ill = sorted({a['image_id'] for a in data['annotations']})
    only, both = ill[0], ill[1]
    for annotation in data['annotations']:
        annotation['iscrowd'] = int(annotation['image_id'] == only)
    known = next(a for a in data['annotations'] if a['image_id'] == both)
    x, y, width, height = known['bbox']
    region = dict(
        known,
        id=10**6,
        iscrowd=1,
        lesion_id=None,
        segmentation=[],
        bbox=[x, y, width / 2, height / 2],
    )
    data['annotations'].append(region)
    other = dict(
        region,
        id=10**6 + 1,
        iscrowd=0,
        category_id=99,
        image_id=next(i['id'] for i in data['images'] if i['id'] not in ill),
    )
    data['annotations'].append(other)
    data['categories'].append(dict(id=99, name='asymmetry'))
    (tmp_path / 'a.json').write_text(json.dumps(data))
    said = []
    monkeypatch.setattr(
        'mammo_plugins.datasets.blending_dataset.print_log',
        lambda text, **_: said.append(text),
    )
    made = BlendingDataset(
        data_root=str(phantom_root),
        pipeline=[],
        ignored_classes=('asymmetry',),
        ann_file=str(tmp_path / 'a.json'),
    )
    unknown = {only, other['image_id']}
    normal = {made[i]['views']['normal']['img_id'] for i in range(len(made))}
    assert normal == {i['id'] for i in data['images']} - {*ill} - unknown
    real = {view['img_id']: view['instances'] for view in made.real}
    assert set(real) == {*ill} - unknown
    counts = Counter(a['image_id'] for a in data['annotations'] if not a['iscrowd'])
    for image, lesions in real.items():
        assert len(lesions) == counts[image]
        assert not any(lesion['ignore_flag'] for lesion in lesions)
    assert f'{len(unknown)} views left out that have regions to be ignored' in said[0]


def test_dataset_is_for_training(phantom_root, tmp_path):
    with pytest.raises(AnnotationError, match='for training'):
        BlendingDataset(
            data_root=str(phantom_root),
            test_mode=True,
            ann_file='annotations/test.json',
        )
    data = json.loads((phantom_root / 'annotations/train.json').read_text())
    (tmp_path / 'a.json').write_text(json.dumps(dict(data, annotations=[])))
    with pytest.raises(AnnotationError, match='and 0 with; BlendingDataset needs both'):
        BlendingDataset(data_root=str(phantom_root), ann_file=str(tmp_path / 'a.json'))


def test_a_margin_keeps_to_the_outline():
    """Pixels of the patch further off than half a lesion stay as they were."""
    mask = np.zeros((30, 30), bool)
    mask[11:19, 11:19] = True
    bright = BankLesion.of(
        np.full((30, 30), 0.9),
        mask,
        image_shape=(100.0, 60.0),
        pixel_spacing_mm=None,
        file_name='a.png',
        box=(0.0, 0.0, 30.0, 30.0),
        pathology=None,
    )
    settings = dict(scale_range=(1, 1), max_angle=0.0, min_inside=0.0)
    whole = paste(bright, **settings).paste(view((100, 60)), 3)
    near = paste(bright, margin=0.5, **settings).paste(view((100, 60)), 3)
    assert whole['paste']['centre'] == near['paste']['centre']
    assert (whole['lesion_mask'] == near['lesion_mask']).all()
    rows, columns = np.nonzero(near['lesion_mask'])
    distance = [
        np.hypot(rows - y, columns - x).min()
        for y, x in np.argwhere(whole['paste_region'])
    ]
    expected = np.zeros(whole['paste_region'].shape, bool)
    expected[whole['paste_region']] = np.array(distance) <= 0.5 * np.sqrt(len(rows))
    np.testing.assert_array_equal(near['paste_region'], expected)
    changed = near['pasted_img'] != near['img']
    assert (changed == expected).all() and expected.sum() < whole['paste_region'].sum()


def test_windows_hold_the_lesions():
    """That of the normal view its region, that of the real one a lesion's box."""
    rng = np.random.default_rng(0)
    step = CropToLesion((30, 26))
    for seed in range(20):
        pasted = paste(min_inside=0.0).paste(view(), seed)
        real = view(breast=0.7)
        x, y = int(rng.integers(0, 45)), int(rng.integers(0, 70))
        # boxes are of the canonical image, the image was resized by 1
        real['instances'] = [dict(bbox=[x, y, x + 5, y + 8])]
        real['img'] = np.zeros((80, 50), np.float32)
        real['img'][y : y + 8, x : x + 5] = 1
        found = step(dict(views=dict(normal=pasted, real=real)))['views']
        normal = found['normal']
        assert normal['paste_region'].sum() == pasted['paste_region'].sum()
        for key in ('img', 'pasted_img', 'paste_region', 'lesion_mask'):
            assert normal[key].shape == (30, 26)
            np.testing.assert_array_equal(normal[key], pasted[key][step.window(pasted)])
        assert found['real']['img'].sum() == real['img'].sum()
        assert found['real']['img'].shape == (30, 26)
    with pytest.raises(AnnotationError, match='CropToLesion.size'):
        CropToLesion((90, 26)).window(pasted)


@pytest.mark.parametrize('resize', [(0.5, 1.0), (1.0, 0.4), (0.6, 0.6)])
@pytest.mark.parametrize('angle', [0.0, 30.0, 90.0])
def test_shapes_are_turned_in_the_file(resize, angle):
    """An ellipse of a view resized by (x, y): its axes are those of the file."""
    rows, columns = np.indices((60, 120)) + 0.5
    mask = ((rows - 30) / 20) ** 2 + ((columns - 60) / 40) ** 2 < 1
    along_x, along_y = resize
    ellipse = BankLesion.of(
        mask * 0.5,
        mask,
        image_shape=(400.0, 400.0),
        pixel_spacing_mm=None,
        file_name='a.png',
        box=(0.0, 0.0, 120.0, 60.0),
        pathology=None,
    )
    size = (round(60 * along_y), round(120 * along_x))
    found = turned_patch(ellipse, size, angle, along_y / along_x).lesion
    y, x = np.nonzero(found)
    spread = np.cov(x / along_x, y / along_y)  # in the file
    turn = np.deg2rad(-angle)  # rows go down
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    expected = axes @ np.diag([40**2, 20**2]) @ axes.T / 4  # of a uniform ellipse
    np.testing.assert_allclose(spread, expected, atol=25)


def test_lesions_may_lie_at_the_border():
    """The lesion has to be in the breast, not all that is pasted with it."""
    mask = np.zeros((40, 40), bool)
    mask[16:24, 16:24] = True
    small = BankLesion.of(
        np.full((40, 40), 0.9),
        mask,
        image_shape=(100.0, 60.0),
        pixel_spacing_mm=None,
        file_name='a.png',
        box=(0.0, 0.0, 40.0, 40.0),
        pathology=None,
    )
    step = paste(small, scale_range=(1, 1), max_angle=0.0, margin=0.5, min_inside=1.0)
    tops = []
    for seed in range(60):
        made = step.paste(view((100, 60)), seed)
        rows, columns = np.nonzero(made['lesion_mask'])
        assert (made['img'][rows, columns] > 0).mean() > 0.8  # of a small copy's mask
        tops.append(rows.min())
        middle = [(places.min() + places.max() + 1) / 2 for places in (columns, rows)]
        assert made['paste']['centre'] == pytest.approx(middle)
    assert min(tops) < 8 + 8  # nearer to the breast's edge than the patch would let it


def round_lesion(air=0):
    """A bright disc on grey, the patch's outer columns air."""
    y, x = np.indices((24, 24)) - 11.5
    mask = np.hypot(x, y) < 6
    inside = np.ones(mask.shape, bool)
    inside[:, 24 - air :] = False
    return BankLesion.of(
        np.where(inside, np.where(mask, 0.8, 0.5), 0.0),
        mask,
        inside=inside,
        image_shape=(230.0, 115.0),
        pixel_spacing_mm=None,
        file_name='a.png',
        box=(0.0, 0.0, 24.0, 24.0),
        pathology=None,
    )


@pytest.fixture(scope='module')
def oblique_views():
    """MLO views, stretched, with where they show muscle and where a breast."""
    found = []
    for seed in range(3):
        exam = make_exam(seed, PhantomConfig(size=(256, 128)))
        for side in 'RL':
            own = exam.views[side, 'MLO', 'FFDM']
            muscle = exam.tissue[side, 'MLO'].muscle[:, :: -1 if side == 'R' else 1] > 0
            frame = CanonicalFrame.of(own.pixels, margin=4)
            image, *truth = (
                frame.image_to_canonical(np.ascontiguousarray(part, np.float32))
                for part in (own.pixels / 4095, muscle, own.breast_mask)
            )
            resize = Resize((150, 200))
            made = resize(
                dict(img=image, ori_shape=image.shape, homography_matrix=np.eye(3))
            )
            found.append(
                (
                    dict(
                        made,
                        view='MLO',
                        pixel_spacing_mm=None,
                        instances=[],
                        canonical_frame=frame.to_dict(),
                    ),
                    *(resize(dict(img=part))['img'] > 0.5 for part in truth),
                )
            )
    return found


def test_neither_on_the_muscle_nor_over_air(oblique_views):
    """The phantom knows where both are; without care a tenth were on the muscle."""
    step, on_muscle, over_air = paste(round_lesion(), margin=0.5), 0, 0
    for own, muscle, breast in oblique_views:
        for seed in range(8):
            made = step.paste(own, seed)
            rows, columns = np.nonzero(made['lesion_mask'])
            on_muscle += muscle[int(rows.mean()), int(columns.mean())]
            region = made['paste_region']
            # the mask that is found has the skin line's outer pixels too
            over_air += (region & ~breast).sum() > 0.1 * region.sum()
            assert not (made['lesion_mask'] & ~region).any()
    assert on_muscle <= 1 and not over_air
    # in a CC view there is none to keep off
    on_muscle = 0
    for own, muscle, _ in oblique_views:
        for seed in range(8):
            made = step.paste(dict(own, view='CC'), seed)
            rows, columns = np.nonzero(made['lesion_mask'])
            on_muscle += muscle[int(rows.mean()), int(columns.mean())]
    assert on_muscle > 4


def test_tumours_of_symmetric_pairs_keep_off_the_muscle(oblique_views):
    step = InsertLesions(LesionBank('ddsm', [round_lesion()], 'train'), spread=0.1)
    rng, on_muscle = np.random.default_rng(0), 0
    for own, muscle, _ in oblique_views:
        for _ in range(6):
            weights = step._changed(own, 1, rng)['synthetic_mask']
            on_muscle += muscle[np.unravel_index(weights.argmax(), weights.shape)]
    assert on_muscle <= 1


@pytest.mark.parametrize('angle', [0.0, 40.0, 90.0, 180.0])
@pytest.mark.parametrize('size', [(24, 24), (12, 12), (40, 40)])
def test_air_of_a_patch_is_not_pasted(angle, size):
    patch = turned_patch(round_lesion(air=8), size, angle)
    assert patch.pixels[patch.region].min() > 0.49  # nothing is darkened by it
    share = patch.region.sum() / np.prod(size)
    assert share == pytest.approx(16 / 24, abs=0.08)
    made = paste(round_lesion(air=8), margin=2.0, scale_range=(1, 1)).paste(view(), 3)
    assert made['pasted_img'][made['paste_region']].min() > 0.35
