import json
from dataclasses import replace

import cv2
import numpy as np
import pycocotools.mask as coco_mask
import pydicom
import pytest

from mammo_plugins.io import read_mammogram
from mammo_plugins.phantom import (
    PhantomConfig,
    PhantomDatasetConfig,
    PhantomFolderError,
    make_exam,
    remake_exam,
    write_phantom_dataset,
)
from mammo_plugins.phantom.preview import write_preview
from mammo_plugins.structures import validate_coco_exam

CONFIG = PhantomDatasetConfig(
    8, 3, (0.5, 0.25, 0.25), phantom=PhantomConfig(size=(96, 48))
)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    out = tmp_path_factory.mktemp('phantom')
    assert write_phantom_dataset(out, CONFIG)
    return out


def _parts(root):
    return {
        p.stem: json.loads(p.read_text())
        for p in sorted(root.glob('annotations/*.json'))
    }


def _bytes(root):
    return {
        str(p.relative_to(root)): p.read_bytes()
        for p in sorted(root.rglob('*'))
        if p.is_file()
    }


def test_annotations_follow_the_contract(root):
    parts = _parts(root)
    assert sorted(parts) == ['test', 'train', 'val']
    patients = []
    for name, data in parts.items():
        assert validate_coco_exam(data) == []
        assert data['info']['split'] == name
        own = {image['patient_id'] for image in data['images']}
        assert len(data['images']) == 4 * len(own)
        patients.append(own)
    assert len(set.union(*patients)) == sum(map(len, patients)) == 8
    assert not any('PHANTOM' in p for own in patients for p in own)


def test_prevalence_is_exact_and_split_alike(root):
    for name, n in (('train', 4), ('val', 2), ('test', 2)):
        data = _parts(root)[name]
        abnormal = {i['exam_id'] for i in data['images'] if i['abnormal']}
        assert abs(len(abnormal) - 5 / 8 * n) <= 1
    assert (
        sum(
            len({i['exam_id'] for i in d['images'] if i['abnormal']})
            for d in _parts(root).values()
        )
        == 5
    )


def test_files_read_back_as_annotated(root):
    tags = set()
    for data in _parts(root).values():
        for image in data['images']:
            path = root / image['file_name']
            ds = pydicom.dcmread(path)
            assert ds.pixel_array.shape == (image['height'], image['width'])
            code = (
                ds.ViewCodeSequence[0].CodeMeaning
                if ('ViewCodeSequence' in ds)
                else None
            )
            view = {'cranio-caudal': 'CC', 'medio-lateral oblique': 'MLO'}
            assert ds.get('ViewPosition', view.get(code)) == image['view']
            tags.add(ds.PhotometricInterpretation)
            mammogram = read_mammogram(path)
            assert mammogram.laterality == image['laterality']
            np.testing.assert_allclose(
                mammogram.pixel_spacing_mm, image['pixel_spacing_mm'], rtol=1e-4
            )
    assert tags == {'MONOCHROME1', 'MONOCHROME2'}


def test_truth_is_the_image_without_lesions(root):
    for data in _parts(root).values():
        boxes = {}
        for a in data['annotations']:
            boxes.setdefault(a['image_id'], []).append(a)
        for image in data['images']:
            shown = 4095 * read_mammogram(root / image['file_name']).pixels
            normal = cv2.imread(
                str(
                    root
                    / 'truth'
                    / image['exam_id']
                    / f'{image["laterality"]}_{image["view"]}_normal.png'
                ),
                cv2.IMREAD_UNCHANGED,
            )
            assert normal.dtype == np.uint16
            differs = np.abs(shown - normal) > 12
            assert differs.any() == (image['id'] in boxes)
            for a in boxes.get(image['id'], []):
                x, y, w, h = map(int, a['bbox'])
                mask = coco_mask.decode(a['segmentation']).astype(bool)
                assert mask.sum() == a['area']
                assert mask[y : y + h, x : x + w].sum() == mask.sum()
                assert differs[mask].mean() > 0.5


def test_a_lesion_has_one_id_in_both_views(root):
    for data in _parts(root).values():
        views, facts = {}, {}
        for a in data['annotations']:
            image = data['images'][a['image_id'] - 1]
            views.setdefault(a['lesion_id'], []).append(image['view'])
            facts.setdefault(a['lesion_id'], set()).add(
                (image['exam_id'], image['laterality'], a['pathology'])
            )
        assert views and all(sorted(v) == ['CC', 'MLO'] for v in views.values())
        assert all(len(f) == 1 for f in facts.values())


def test_dataset_holds_the_exams_of_make_exam(root):
    image = _parts(root)['train']['images'][0]
    number = int(image['exam_id'][-4:]) - 1
    exam = make_exam(
        np.random.SeedSequence(3, spawn_key=(number,)),
        CONFIG.phantom,
        bool(CONFIG.abnormal()[number]),
    )
    view = exam.views[image['laterality'], image['view'], 'FFDM']
    assert image['nipple'] == pytest.approx(view.nipple, abs=0.01)
    shown = 4095 * read_mammogram(root / image['file_name']).pixels
    assert np.abs(shown - view.pixels).max() < 12


def test_two_workers_write_the_same_bytes(root, tmp_path):
    write_phantom_dataset(tmp_path / 'again', CONFIG, workers=2)
    first, second = _bytes(root), _bytes(tmp_path / 'again')
    assert first.keys() == second.keys()
    assert [k for k in first if first[k] != second[k]] == []


def test_a_finished_data_set_is_left_alone(root):
    stamps = {p: p.stat().st_mtime_ns for p in root.rglob('*')}
    assert write_phantom_dataset(root, CONFIG) is False
    assert stamps == {p: p.stat().st_mtime_ns for p in root.rglob('*')}


def test_an_interrupted_run_goes_on(root, tmp_path):
    class Stop(Exception):
        pass

    def stop_after_three(items, total):
        for k, item in enumerate(items):
            if k == 3:
                raise Stop
            yield item

    with pytest.raises(Stop):
        write_phantom_dataset(tmp_path, CONFIG, progress=stop_after_three)
    assert not list(tmp_path.glob('annotations/*.json'))
    left = []
    write_phantom_dataset(
        tmp_path, CONFIG, progress=lambda items, n: left.append(n) or items
    )
    assert left == [4]
    assert _bytes(tmp_path) == _bytes(root)


def test_another_data_set_is_refused(root):
    other = replace(CONFIG, phantom=replace(CONFIG.phantom, prevalence=0.25))
    with pytest.raises(PhantomFolderError, match='prevalence=0.6.*0.25'):
        write_phantom_dataset(root, other)


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / 'thesis.txt').write_text('mine')
    with pytest.raises(PhantomFolderError, match='not empty'):
        write_phantom_dataset(tmp_path, CONFIG)
    assert [p.name for p in tmp_path.iterdir()] == ['thesis.txt']


def test_a_file_in_the_folder_s_place_is_refused(tmp_path):
    (tmp_path / 'out').write_text('mine')
    with pytest.raises(PhantomFolderError, match='a file'):
        write_phantom_dataset(tmp_path / 'out', CONFIG)


def test_missing_views_and_contrast_enhanced_pairs(tmp_path):
    config = PhantomDatasetConfig(
        6, 1, (1.0, 0.0, 0.0), 0.5, PhantomConfig(size=(64, 32), cem=True)
    )
    write_phantom_dataset(tmp_path, config)
    data = _parts(tmp_path)
    assert list(data) == ['train']
    assert validate_coco_exam(data['train']) == []
    views = {}
    for image in data['train']['images']:
        views.setdefault(
            (image['exam_id'], image['laterality'], image['view']), set()
        ).add(image['modality'])
    assert 6 <= len(views) < 24
    assert len({key[0] for key in views}) == 6
    assert set(map(frozenset, views.values())) == {frozenset(('CEM-LE', 'CEM-RC'))}


def test_preview_boxes_lesions_in_its_second_copy(root):
    picture = cv2.imread(str(write_preview(root, 2)))
    upper, lower = np.vsplit(picture, 2)
    changed = (upper != lower).any(2)
    assert changed.any() and changed.mean() < 0.05
    coloured = np.ptp(lower.astype(int), axis=2) > 60
    assert not (coloured & ~changed).any()
    (root / 'preview.png').unlink()


def test_an_exam_is_made_again_with_what_no_file_holds(root):
    for name in ('phantom_0001', 'phantom_0006'):
        exam = remake_exam(root, name)
        for (laterality, view, _), made in exam.views.items():
            path = root / f'truth/{name}/{laterality}_{view}_normal.png'
            stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            assert (stored == made.normal).all()
        truth = json.loads((root / f'truth/{name}/exam.json').read_text())
        assert [f.kind for f in exam.findings] == [f['kind'] for f in truth['findings']]


def test_an_exam_of_another_phantom_is_not_made(root, tmp_path):
    with pytest.raises(PhantomFolderError, match='not a phantom data set'):
        remake_exam(tmp_path, 'phantom_0001')
    recorded = json.loads((root / 'phantom.json').read_text())
    (tmp_path / 'phantom.json').write_text(
        json.dumps(dict(recorded, phantom_version='0.1'))
    )
    with pytest.raises(PhantomFolderError, match='version 0.1'):
        remake_exam(tmp_path, 'phantom_0001')
