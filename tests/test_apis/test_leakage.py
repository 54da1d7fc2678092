"""Synthetic images of held-out patients are refused."""
import json

import pytest
from mmengine.config import Config

from mammo_plugins.apis.command_line import ConfigError
from mammo_plugins.apis.leakage import check_synthetic_sources
from mammo_plugins.structures import AnnotationError


def write(path, dataset, images):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dict(
        info=dict(dataset=dataset, split=None), annotations=[], categories=[],
        images=[dict(
            id=k, file_name=name, patient_id=patient, exam_id=f'e{k}', width=8,
            height=8, laterality='L', view='CC', **facts)
            for k, (name, patient, facts) in enumerate(images)])))


@pytest.fixture
def cfg(tmp_path):
    """Two patients to train on, one to test; synthetic images of the first two."""
    write(tmp_path / 'real/train.json', 'inbreast',
          [('a.dcm', 'p1', {}), ('b.dcm', 'p2', {})])
    write(tmp_path / 'real/test.json', 'inbreast', [('c.dcm', 'p3', {})])
    made = dict(normal='a.dcm', file_name='b.dcm', method='blending', scale=1.2)
    write(tmp_path / 'made/train.json', 'synthetic, of INbreast',
          [('images/1.tif', 'p1', dict(synthetic=made))])
    real = dict(data_root=str(tmp_path / 'real'), ann_file='train.json')
    return Config(dict(
        train_dataloader=dict(dataset=dict(type='ConcatDataset', datasets=[
            real, dict(real, data_root=str(tmp_path / 'made'))])),
        test_dataloader=dict(dataset=dict(real, ann_file='test.json'))))


def remake(tmp_path, patient='p1', dataset='synthetic, of INbreast', **facts):
    made = dict(dict(normal='a.dcm', file_name='b.dcm'), **facts)
    write(tmp_path / 'made/train.json', dataset,
          [('images/1.tif', patient, dict(synthetic=made))])


def test_those_of_training_patients_pass(cfg):
    check_synthetic_sources(cfg)


@pytest.mark.parametrize('facts, shown', [
    (dict(patient='p3'), 'p3'), (dict(normal='c.dcm'), 'c.dcm'),
    (dict(file_name='c.dcm'), 'c.dcm')])
@pytest.mark.parametrize('part', ['val', 'test'])
def test_those_of_held_out_patients_are_refused(cfg, tmp_path, facts, shown, part):
    cfg[f'{part}_dataloader'] = cfg.pop('test_dataloader')
    remake(tmp_path, **facts)
    with pytest.raises(ConfigError, match=f'images/1.tif was made of {shown}'):
        check_synthetic_sources(cfg)


def test_the_same_name_in_another_data_set_is_another_patient(cfg, tmp_path):
    remake(tmp_path, patient='p3', dataset='synthetic, of DDSM')
    check_synthetic_sources(cfg)


def test_real_images_are_not_looked_at(cfg, tmp_path):
    """Plain training does not read the test part at all."""
    del cfg.train_dataloader.dataset.datasets[1]
    (tmp_path / 'real/test.json').write_text('no JSON')
    check_synthetic_sources(cfg)


@pytest.mark.parametrize('text, said', [
    (b'', 'it is empty'), (b'{"images": [', 'cut short'), (b'[]', 'not a COCO file'),
    (b'\xff\xfe{\0}\0', 'UTF-16'), (b'[' * 100_000, 'nested'),
    (b'{"images": null}', 'not a COCO file'), (b'{"images": ["a"]}', r'images\[0\]'),
    (b'{"images": [{"file_name": "a", "synthetic": "x"}]}', r'images\[0\].synthetic'),
    (b'{"images": [{"file_name": "a", "synthetic": {}}]}', r'images\[0\].patient_id'),
    (b'{"images": [{"file_name": "../a"}]}', r'images\[0\].file_name'),
])
@pytest.mark.parametrize('name', ['made/train.json', 'real/test.json'])
def test_files_that_cannot_be_read_are_named(cfg, tmp_path, name, text, said):
    (tmp_path / name).write_bytes(text)
    with pytest.raises(AnnotationError, match=f'{name}.*:(.|\n)*{said}'):
        check_synthetic_sources(cfg)


def test_a_byte_order_mark_and_no_name_of_the_data_set(cfg, tmp_path):
    path = tmp_path / 'real/test.json'
    path.write_bytes(b'\xef\xbb\xbf' + path.read_bytes())
    check_synthetic_sources(cfg)
    path.write_text('{"info": null, "images": [{"file_name": "c.dcm"}]}')
    check_synthetic_sources(cfg)
