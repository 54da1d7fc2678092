"""The data sets of the papers' tasks, on phantom exams in their place."""

import json
from pathlib import Path

import pytest
from config_runs import changed
from mmengine.config import Config

from mammo_plugins.registry import DATASETS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'configs/_base_/datasets'
TASKS = dict(
    vindr_breast=('breast', ('CC', 'MLO')),
    cmmd_breast=('breast', ('CC', 'MLO')),
    rsna_breast=('breast', ('CC', 'MLO')),
    embed_breast=('breast', ('CC', 'MLO')),
    ddsm_pair=('pair', ('R', 'L')),
    vindr_pair=('pair', ('R', 'L')),
    inbreast_pair=('pair', ('R', 'L')),
    cdd_cesm_exam=(
        'exam',
        tuple(
            f'{m} {v}'
            for m in ('CEM-LE', 'CEM-RC')
            for v in ('RCC', 'LCC', 'RMLO', 'LMLO')
        ),
    ),
    inbreast_exam=('exam', ('RCC', 'LCC', 'RMLO', 'LMLO')),
)


@pytest.fixture
def exams(phantom_root, tmp_path):
    """Exams with labels of all tasks: the first half is of the negative class."""
    data = json.loads((phantom_root / 'annotations/train.json').read_text())
    ids = sorted({image['exam_id'] for image in data['images']})
    for image in data['images']:
        bad = ids.index(image['exam_id']) >= len(ids) // 2
        image['pathology'] = 'malignant' if bad else 'benign'
        image['abnormal'] = bad
    bad = {image['id']: image['abnormal'] for image in data['images']}
    for annotation in data['annotations']:
        annotation['pathology'] = (
            'malignant' if bad[annotation['image_id']] else 'benign'
        )
    (tmp_path / 'dicom').symlink_to(phantom_root / 'dicom')
    (tmp_path / 'other').symlink_to(phantom_root / 'dicom')

    def write(name, good, bad):
        for image in data['images']:
            image['birads'] = bad if image['abnormal'] else good
        images = list(data['images'])
        if name == 'cdd_cesm_exam':
            data['images'] = [
                dict(
                    image,
                    id=image['id'] + i * 1000,
                    modality=modality,
                    file_name=image['file_name'].replace(
                        'dicom', ('dicom', 'other')[i]
                    ),
                )
                for image in images
                for i, modality in enumerate(('CEM-LE', 'CEM-RC'))
            ]
        for part in ('train', 'val', 'test'):
            path = tmp_path / 'annotations' / f'{part}.json'
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(data))
        return len(ids)

    return write


@pytest.mark.parametrize('name', TASKS)
def test_classes_and_views(name, exams, tmp_path, pixel_cache):
    target, views = TASKS[name]
    number = exams(name, *('1' if 'pair' in name else '2', '4'))
    cfg = Config.fromfile(FOLDER / f'{name}.py')
    facts = cfg.data_set
    cfg = Config.fromfile(FOLDER.parent / f'tasks/{name.rpartition("_")[2]}.py')
    for part in ('train', 'val', 'test'):
        cfg.merge_from_dict({f'{part}_dataloader.dataset': facts})
    for part in ('train', 'val', 'test'):
        settings = cfg[f'{part}_dataloader'].dataset
        settings.data_root = str(tmp_path)
        settings.metainfo = dict(classes=('mass',))  # all that a phantom has
        settings.pipeline = changed(settings.pipeline, cache_dir=pixel_cache)
        with DATASETS.switch_scope_and_registry('mammo'):
            dataset = DATASETS.build(settings)
        times = dict(breast=2, pair=2, exam=1)[target]
        labels = [dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))]
        assert len(labels) == number * times
        assert sum(labels) == (number - number // 2) * times
        assert dataset.test_mode == (part != 'train')
        packed = dataset[0]
        assert tuple(packed['inputs']) == views
        shapes = {tuple(image.shape[1:]) for image in packed['inputs'].values()}
        if target == 'pair':  # augmented or not
            assert shapes == {(1024, 512)}
        assert part != 'test' or len(shapes) == 1
    sample = packed['data_samples']
    assert set(sample.view_names) == set(views)
    assert sample.gt_label.tolist() == [labels[0]]


@pytest.mark.parametrize('name', ['cdd_cesm_exam', 'inbreast_exam'])
def test_regions_of_other_findings_are_ignored(name, exams, tmp_path, pixel_cache):
    """A mass may be among several findings: such regions are no background."""
    exams(name, '2', '4')
    path = tmp_path / 'annotations/train.json'
    cfg = Config.fromfile(FOLDER.parent / 'tasks/exam.py')
    cfg.merge_from_dict(
        {'train_dataloader.dataset': Config.fromfile(FOLDER / f'{name}.py').data_set}
    )
    settings = cfg.train_dataloader.dataset
    settings.data_root = str(tmp_path)
    settings.pipeline.load.transforms.image.cache_dir = pixel_cache

    def maps():
        with DATASETS.switch_scope_and_registry('mammo'):
            dataset = DATASETS.build(settings)
        samples = [dataset[i]['data_samples'] for i in range(len(dataset))]
        return {
            (i, view): sample.get(view).gt_sem_seg.sem_seg.numpy()
            for i, sample in enumerate(samples)
            for view in sample.view_names
        }

    data = json.loads(path.read_text())
    masses = maps()
    assert {value for drawn in masses.values() for value in drawn.flat} == {0, 1}
    data['categories'].append(dict(id=2, name='other'))
    for annotation in data['annotations']:
        annotation['category_id'] = 2
    path.write_text(json.dumps(data))
    for key, drawn in maps().items():
        assert (drawn == 255 * masses[key]).all()


def test_every_task_of_real_data_is_tested():
    found = {path.stem for path in FOLDER.glob('*.py')}
    masses = {name for name in found if name.startswith(('ddsm_', 'phantom_'))}
    assert found - masses - {'inbreast_mass', 'vindr_mass'} == set(TASKS) - {
        'ddsm_pair'
    }
