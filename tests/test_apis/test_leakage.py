"""Synthetic images of held-out patients are refused."""

import json

import numpy as np
import pytest
from mmengine.config import Config

from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.apis.leakage import check_banks, check_synthetic_sources
from mammo_plugins.structures import (
    AnnotationError,
    BankLesion,
    LesionBank,
    generation_of,
)


def write(path, dataset, images):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(
            dict(
                info=dict(dataset=dataset, split=None),
                annotations=[],
                categories=[],
                images=[
                    dict(
                        id=k,
                        file_name=name,
                        patient_id=patient,
                        exam_id=f'e{k}',
                        width=8,
                        height=8,
                        laterality='L',
                        view='CC',
                        **facts,
                    )
                    for k, (name, patient, facts) in enumerate(images)
                ],
            )
        )
    )


@pytest.fixture(params=['list', 'names'])
def cfg(tmp_path, request):
    """Two patients to train on, one to test; synthetic images of the first two."""
    write(
        tmp_path / 'real/train.json',
        'inbreast',
        [('a.dcm', 'p1', {}), ('b.dcm', 'p2', {})],
    )
    write(tmp_path / 'real/test.json', 'inbreast', [('c.dcm', 'p3', {})])
    made = dict(normal='a.dcm', file_name='b.dcm', method='blending', scale=1.2)
    write(
        tmp_path / 'made/train.json',
        'synthetic, of INbreast',
        [('images/1.tif', 'p1', dict(synthetic=made))],
    )
    real = dict(data_root=str(tmp_path / 'real'), ann_file='train.json')
    made = dict(real, data_root=str(tmp_path / 'made'))
    return Config(
        dict(
            train_dataloader=dict(
                dataset=dict(type='ConcatDataset', datasets=[real, made])
                if request.param == 'list'
                else dict(
                    type='NamedConcatDataset',
                    datasets=dict(original=real, synthetic=made),
                )
            ),
            test_dataloader=dict(dataset=dict(real, ann_file='test.json')),
        )
    )


def original_alone(cfg):
    """Leave the synthetic images out."""
    parts = cfg.train_dataloader.dataset.datasets
    if isinstance(parts, dict):
        parts.synthetic = None
    else:
        del parts[1]


def remake(tmp_path, patient='p1', dataset='synthetic, of INbreast', **facts):
    made = dict(dict(normal='a.dcm', file_name='b.dcm'), **facts)
    write(
        tmp_path / 'made/train.json',
        dataset,
        [('images/1.tif', patient, dict(synthetic=made))],
    )


def test_those_of_training_patients_pass(cfg):
    check_synthetic_sources(cfg)


@pytest.mark.parametrize(
    'facts, shown',
    [
        (dict(patient='p3'), 'p3'),
        (dict(normal='c.dcm'), 'c.dcm'),
        (dict(file_name='c.dcm'), 'c.dcm'),
    ],
)
@pytest.mark.parametrize('part', ['val', 'test'])
def test_those_of_held_out_patients_are_refused(cfg, tmp_path, facts, shown, part):
    cfg[f'{part}_dataloader'] = cfg.pop('test_dataloader')
    remake(tmp_path, **facts)
    with pytest.raises(ConfigError, match=f'images/1.tif was created from {shown}'):
        check_synthetic_sources(cfg)


def test_the_same_name_in_another_data_set_is_another_patient(cfg, tmp_path):
    remake(tmp_path, patient='p3', dataset='synthetic, of DDSM')
    check_synthetic_sources(cfg)


def test_real_images_are_not_looked_at(cfg, tmp_path):
    """Plain training does not read the test part at all."""
    original_alone(cfg)
    (tmp_path / 'real/test.json').write_text('no JSON')
    check_synthetic_sources(cfg)


@pytest.mark.parametrize(
    'text, said',
    [
        (b'', 'it is empty'),
        (b'{"images": [', 'cut short'),
        (b'[]', 'not a COCO file'),
        (b'\xff\xfe{\0}\0', 'UTF-16'),
        (b'[' * 100_000, 'nested'),
        (b'{"images": null}', 'not a COCO file'),
        (b'{"images": ["a"]}', r'images\[0\]'),
        (
            b'{"images": [{"file_name": "a", "synthetic": "x"}]}',
            r'images\[0\].synthetic',
        ),
        (
            b'{"images": [{"file_name": "a", "synthetic": {}}]}',
            r'images\[0\].patient_id',
        ),
        (b'{"images": [{"file_name": "../a"}]}', r'images\[0\].file_name'),
    ],
)
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


def a_bank(path, *files, dataset='INbreast', generation=None, split='train'):
    LesionBank(
        dataset,
        [
            BankLesion.of(
                np.full((4, 4), 0.5),
                image_shape=(8.0, 8.0),
                pixel_spacing_mm=None,
                file_name=file,
                box=(0, 0, 4, 4),
            )
            for file in files
        ],
        split,
        generation,
    ).write(path)


@pytest.fixture(params=['PasteLesion', 'mammo.InsertLesions'])
def gan(cfg, tmp_path, request):
    """A training on the first two patients that reads a bank."""
    original_alone(cfg)
    load = dict(type='ForEachView', transforms=[])
    insert = dict(type=request.param, bank=str(tmp_path / 'bank.npz'))
    named = isinstance(cfg.train_dataloader.dataset.datasets, dict)
    cfg.train_dataloader.dataset.pipeline = (
        dict(order=['load', 'insert'], load=load, insert=insert)
        if named
        else [load, insert]
    )
    return cfg


def test_banks_of_the_training_files_pass(gan, tmp_path):
    a_bank(tmp_path / 'bank.npz', 'a.dcm', 'b.dcm', 'a.dcm')
    check_banks(gan)
    a_bank(tmp_path / 'bank.npz', 'c.dcm', dataset='DDSM')  # as its file is called
    check_banks(gan)


@pytest.mark.parametrize(
    'files, dataset',
    [
        (['c.dcm'], 'INbreast'),
        (['a.dcm', 'c.dcm'], 'inbreast'),
        (['a.dcm', 'd.dcm'], 'synthetic, of INbreast'),
    ],
)
def test_a_bank_of_another_fold_is_refused(gan, tmp_path, files, dataset):
    """Its header says 'train', as that of every fold."""
    a_bank(tmp_path / 'bank.npz', *files, dataset=dataset)
    with pytest.raises(
        ConfigError,
        match=rf'1 files .* such as {files[-1]}, are not in'
        r'.*real/train.json; build the bank from',
    ):
        check_banks(gan)


def test_a_bank_is_that_of_the_data_sets_fold(gan, tmp_path):
    """{fold} in its name and in the data root is the fold of the data set."""
    dataset = gan.train_dataloader.dataset
    step = (
        dataset.pipeline['insert']
        if isinstance(dataset.pipeline, dict)
        else (dataset.pipeline[1])
    )
    step.bank = str(tmp_path / 'bank_{fold}.npz')
    dataset.fold = 2
    a_bank(tmp_path / 'bank_2.npz', 'a.dcm')
    check_banks(gan)
    a_bank(tmp_path / 'bank_2.npz', 'c.dcm')
    with pytest.raises(ConfigError, match='bank_2.npz: 1 files'):
        check_banks(gan)
    dataset.fold = None
    with pytest.raises(ValueError, match='bank_{fold}.npz: fold is None'):
        check_banks(gan)


def test_files_of_several_training_sets(gan, tmp_path):
    """They are looked up in all that are of the bank's data set."""
    write(tmp_path / 'more/train.json', 'INbreast', [('d.dcm', 'p4', {})])
    dataset = gan.train_dataloader.dataset
    more = dict(data_root=str(tmp_path / 'more'), ann_file='train.json')
    dataset.datasets = (
        dict(dataset.datasets, more=more)
        if isinstance(dataset.datasets, dict)
        else [*dataset.datasets, more]
    )
    a_bank(tmp_path / 'bank.npz', 'a.dcm', 'd.dcm')
    check_banks(gan)


def test_simulated_sets_are_told_apart_by_how_they_were_made(gan, tmp_path):
    """Phantoms share a name, and their files do too."""
    path = tmp_path / 'real/train.json'
    data = json.loads(path.read_text())
    data['info'].update(dataset='phantom', generation=dict(seed=0, exams=4))
    path.write_text(json.dumps(data))
    same = generation_of(data['info'])
    other = generation_of(dict(generation=dict(seed=1, exams=4)))
    assert generation_of(dict(generation=dict(exams=4, seed=0))) == same != other
    # the same exams, of which others may be in the test part now
    for settings in (
        dict(exams=80),
        dict(split=[0.25, 0, 0.75]),
        dict(missing_views=0.1),
    ):
        assert (
            generation_of(dict(generation=dict(dict(exams=4, seed=0), **settings)))
            == same
        )
    a_bank(tmp_path / 'bank.npz', 'z.dcm', dataset='phantom', generation=other)
    check_banks(gan)
    for generation in (same, None):  # a bank that does not say it
        a_bank(tmp_path / 'bank.npz', 'z.dcm', dataset='phantom', generation=generation)
        with pytest.raises(ConfigError, match='z.dcm'):
            check_banks(gan)
