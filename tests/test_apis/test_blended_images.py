"""Data sets of blended lesions."""

import hashlib
import json

import numpy as np
import pycocotools.mask as coco_mask
import pytest
from mmengine.config import Config

from mammo_plugins.anatomy import CanonicalFrame
from mammo_plugins.apis import (
    BlendedImages,
    blend_by,
    blend_by_mixed_gradients,
    blend_by_poisson,
    loaded_normals,
)
from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.datasets.pipeline import steps_of
from mammo_plugins.io import read_mammogram
from mammo_plugins.structures import (
    AnnotationError,
    BankLesion,
    LesionBank,
    load_coco_exam,
    validate_coco_exam,
)


def bank(size=(15, 15)):
    """One bright round lesion."""
    rows, columns = np.indices(size)
    middle = (np.array(size) - 1) / 2
    mask = np.hypot(rows - middle[0], columns - middle[1]) < size[0] / 4
    return LesionBank(
        'another',
        [
            BankLesion.of(
                np.where(mask, 0.9, 0.5),
                mask,
                image_shape=(128.0, 64.0),
                pixel_spacing_mm=None,
                file_name='a.dcm',
                box=(4, 4, 11, 11),
                pathology='malignant',
            )
        ],
        'train',
    )


@pytest.fixture
def cfg(phantom_root, tmp_path):
    bank().write(tmp_path / 'bank.npz')
    cfg = Config.fromfile('configs/blending/blending-gan_phantom.py')
    dataset = cfg.train_dataloader.dataset
    dataset.data_root = str(phantom_root)
    load = dataset.pipeline.load.transforms
    load.image.cache_dir, load.resize.scale = None, (40, 80)
    dataset.pipeline.paste.update(bank=str(tmp_path / 'bank.npz'), margin=0.3)
    return cfg


def images(cfg, out, seed=0):
    return BlendedImages(*loaded_normals(cfg), out, seed)


def paste_only(view):
    """The simplest blending."""
    return view['pasted_img']


def test_pixels_change_at_the_lesion_alone(cfg, phantom_root, tmp_path, assert_private):
    counts = images(cfg, tmp_path / 'made').write(5, paste_only, 'pasting')
    data = load_coco_exam(tmp_path / 'made/annotations/train.json')
    assert validate_coco_exam(data) == []
    assert data['info']['dataset'].startswith('synthetic, of ')
    assert data['info']['split'] == 'train'
    assert len(data['images']) == counts['images'] == 5
    original = load_coco_exam(phantom_root / 'annotations/train.json')
    by_file = {image['file_name']: image for image in original['images']}
    lesions = {a['image_id'] for a in original['annotations']}
    for image in data['images']:
        facts = image['synthetic']
        assert facts['method'] == 'pasting' and facts['bank'] == 'another'
        assert facts['file_name'] == 'a.dcm'
        # by the file, whatever it is called
        assert (
            facts['bank_sha256']
            == hashlib.sha256((tmp_path / 'bank.npz').read_bytes()).hexdigest()
        )
        normal = by_file[facts['normal']]
        assert normal['id'] not in lesions
        assert image['patient_id'] == normal['patient_id']
        assert (image['abnormal'], image['birads']) == (True, None)
        made = read_mammogram(tmp_path / 'made' / image['file_name']).pixels
        before = read_mammogram(phantom_root / facts['normal']).pixels
        (annotation,) = [a for a in data['annotations'] if a['image_id'] == image['id']]
        mask = coco_mask.decode(annotation['segmentation']).astype(bool)
        assert mask.shape == made.shape == before.shape
        x, y, width, height = annotation['bbox']
        rows, columns = np.nonzero(mask)
        assert (x, y) == (columns.min(), rows.min())
        assert (x + width, y + height) == (columns.max() + 1, rows.max() + 1)
        # the place that the provenance states
        assert facts['centre'] == pytest.approx([x + width / 2, y + height / 2], abs=2)
        assert made[mask].mean() > 0.75
        kept = made > 0  # but for what the crop to the breast left out
        frame = CanonicalFrame.of(before, 8)
        inside = frame.image_to_source(np.ones(frame.shape)) > 0
        far = np.ones(mask.shape, bool)
        far[
            max(int(y) - 14, 0) : int(y + height) + 14,
            max(int(x) - 14, 0) : int(x + width) + 14,
        ] = False
        np.testing.assert_allclose(made[inside & far], before[inside & far], atol=2e-5)
        assert kept[inside].any()
    assert_private(tmp_path / 'made')


def test_steps_by_name_and_in_a_list_are_one(cfg, tmp_path):
    """Configs of users have lists, as MMEngine's."""
    named = images(cfg, None)
    pipeline = cfg.train_dataloader.dataset.pipeline
    pipeline.load.transforms = steps_of(pipeline.load.transforms)
    cfg.train_dataloader.dataset.pipeline = steps_of(pipeline)
    for (one, _), (other, _) in zip(named.cases(3), images(cfg, None).cases(3)):
        assert one['paste'] == other['paste']
        np.testing.assert_array_equal(one['pasted_img'], other['pasted_img'])


def test_normal_views_come_in_turn(cfg, tmp_path):
    some = images(cfg, tmp_path / 'a')
    count = len(some.dataset)
    shown = [view['img_id'] for view, _ in some.cases(2 * count)]
    assert sorted(shown[:count]) == sorted(shown[count:]) == sorted(set(shown))
    again = [view['paste'] for view, _ in images(cfg, tmp_path / 'b').cases(4)]
    assert again == [view['paste'] for view, _ in some.cases(4)]
    other = [view['paste'] for view, _ in images(cfg, tmp_path / 'b', 1).cases(4)]
    assert again != other


def test_all_generators_get_the_same_cases(cfg, tmp_path):
    """What figure 4 compares differs in nothing but the blending."""
    for name, blend in (('paste', paste_only), ('poisson', blend_by_poisson)):
        images(cfg, tmp_path / name).write(3, blend, name)
    one, two = (
        json.loads((tmp_path / name / 'annotations/train.json').read_text())
        for name in ('paste', 'poisson')
    )
    assert one['annotations'] == two['annotations']
    for a, b in zip(one['images'], two['images']):
        assert dict(a, synthetic=dict(a['synthetic'], method='poisson')) == b
        pixels = [
            read_mammogram(tmp_path / name / image['file_name']).pixels
            for name, image in (('paste', a), ('poisson', b))
        ]
        assert not np.array_equal(*pixels)


@pytest.mark.parametrize('size', [None, (36, 30)])
def test_a_generator_blends(cfg, size):
    """It sees the three channels in their order, whole or in a window."""
    seen = []

    class Trained:
        device, config = 'cpu', cfg

        @staticmethod
        def model(inputs, mode):
            assert mode == 'predict'
            assert list(inputs) == ['normal', 'pasted', 'mask']
            seen.append(inputs['mask'])
            return inputs['normal'] * (1 - inputs['mask']) + (
                inputs['pasted'] * inputs['mask']
            )

    pipeline = cfg.train_dataloader.dataset.pipeline
    if size is None:
        pipeline.crop = None
    else:
        pipeline.crop.size = size
    for view, _ in images(cfg, None).cases(4):
        np.testing.assert_allclose(
            blend_by(Trained)(view), view['pasted_img'], atol=1e-6
        )
        assert seen[-1].shape[2:] == (size or view['img'].shape)
        assert seen[-1].sum() == view['paste_region'].sum()


def test_panels_mark_lesions_that_have_a_place(cfg):
    some = images(cfg, None)
    ((normal, pasted, blended, whole),) = some.panels(
        1,
        dict(
            blended=(some.paste, blend_by_poisson),
            whole=(None, lambda view: 1 - view['img']),
        ),
    )
    assert [title for title, *_ in (normal, pasted, blended, whole)] == [
        'normal',
        'pasted',
        'blended',
        'whole',
    ]
    x1, y1, x2, y2 = normal[2]
    changed = np.abs(pasted[1] - normal[1])
    assert changed[y1:y2, x1:x2].max() > 0.05
    assert pasted[2] == blended[2] == normal[2] and whole[2] is None
    np.testing.assert_array_equal(whole[1], 1 - normal[1])


def test_exact_and_cloned_differ_in_the_region_alone(cfg):
    for view, _ in images(cfg, None).cases(3):
        exact, cloned = blend_by_mixed_gradients(view), blend_by_poisson(view)
        for made in (exact, cloned):
            np.testing.assert_array_equal(
                made[~view['paste_region']], view['img'][~view['paste_region']]
            )
        lesion = view['lesion_mask']
        kept = [(made - view['img'])[lesion].mean() for made in (exact, cloned)]
        assert kept[0] > max(kept[1], 0.02)  # of a rim that OpenCV leaves out


def test_no_place(cfg, tmp_path):
    bank((400, 400)).write(tmp_path / 'bank.npz')
    with pytest.raises(AnnotationError, match='found a place'):
        images(cfg, tmp_path / 'made').write(2, paste_only, 'pasting')
    assert not (tmp_path / 'made/annotations').exists()


def test_configs_that_do_not_fit(cfg, tmp_path):
    cfg.train_dataloader.dataset.pipeline.paste = None
    with pytest.raises(ConfigError, match='no PasteLesion'):
        loaded_normals(cfg)
    cfg.train_dataloader.dataset.type = 'ExamDataset'
    with pytest.raises(ConfigError, match='not a BlendingDataset'):
        loaded_normals(cfg)


def test_other_geometry_is_refused(cfg, tmp_path):
    cfg.merge_from_dict(
        {
            'train_dataloader.dataset.pipeline.load.transforms': dict(
                order=['image', 'resize', 'flip'],
                flip=dict(type='RandomFlip', prob=1.0, direction='vertical'),
            )
        }
    )
    with pytest.raises(ConfigError, match='other than by resizing'):
        images(cfg, tmp_path / 'made').write(1, paste_only, 'pasting')


def test_a_real_data_set_is_left_alone(cfg, phantom_root):
    before = (phantom_root / 'annotations/train.json').read_bytes()
    with pytest.raises(ConfigError, match='no synthetic images'):
        images(cfg, phantom_root)
    assert (phantom_root / 'annotations/train.json').read_bytes() == before
