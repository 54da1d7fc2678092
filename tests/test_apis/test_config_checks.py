"""What is checked of a config before a run."""
import json

import pytest
from mmengine.config import Config

from mammo_plugins.apis.config_checks import (check_annotation_files,
                                              check_no_synthesis, check_outlines,
                                              warn_of_schedule)
from mammo_plugins.apis.config_loading import ConfigError, load_config

CONFIG = 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'


@pytest.fixture(autouse=True)
def _root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


def test_a_config_that_fails(tmp_path):
    path = tmp_path / 'a.py'
    path.write_text('model = undefined')
    with pytest.raises(ConfigError, match='NameError'):
        load_config(str(path))


@pytest.mark.parametrize('epochs, warned', [(6, False), (30, True)])
def test_schedules_that_end_elsewhere(capsys, epochs, warned):
    warn_of_schedule(
        load_config(CONFIG, {'train_cfg.max_epochs': epochs,
                             'param_scheduler.1.end': 6}))
    assert ('ends at epoch 6' in capsys.readouterr().err) == warned


def test_annotation_files_of_wrapped_datasets(tmp_path):
    (tmp_path / 'a.json').write_text('{}')
    there = dict(data_root=str(tmp_path), ann_file='a.json')
    cfg = Config(dict(train_dataloader=dict(dataset=dict(
        type='RepeatDataset', dataset=dict(datasets=[there, there])))))
    check_annotation_files(cfg, ['train', 'val'])
    there['ann_file'] = 'b.json'
    cfg.train_dataloader.dataset.dataset.datasets[1] = there
    with pytest.raises(ConfigError, match=r'b.json: no such.*train_dataloader'):
        check_annotation_files(cfg, ['train'])


def test_classes_of_plain_mmdet_datasets(tmp_path):
    (tmp_path / 'a.json').write_text('{"categories": [{"id": 1, "name": "mass"}]}')
    cfg = Config(dict(train_dataloader=dict(dataset=dict(
        type='mmdet.CocoDataset', ann_file=str(tmp_path / 'a.json'),
        metainfo=dict(classes=('mass', ))))))
    check_annotation_files(cfg, ['train'])
    cfg.train_dataloader.dataset.metainfo.classes = ('mas', )
    with pytest.raises(ConfigError, match=r"classes \['mas'\] of .* has \['mass'\]"):
        check_annotation_files(cfg, ['train'])


EXAMS = dict(type='ExamDataset', ann_file='a.json', test_mode=True)


@pytest.mark.parametrize('dataset, message', [
    (EXAMS, None),
    (dict(type='CocoDataset', ann_file='a.json'), None),
    (dict(type='ConcatDataset', datasets=[EXAMS, EXAMS]), None),
    (dict(EXAMS, test_mode=False), 'test_dataloader.dataset.test_mode'),
    (dict(type='ConcatDataset', datasets=[EXAMS, dict(type='mammo.ExamDataset')]),
     'test_dataloader.dataset.datasets.1.test_mode'),
    (dict(type='MultiImageMixDataset', dataset=EXAMS,
          pipeline=[dict(type='SynthesizeMalignancy')]), 'SynthesizeMalignancy'),
    (dict(type='NamedMixDataset', dataset=EXAMS,
          pipeline=dict(order=['paste'], paste=dict(type='SynthesizeMalignancy'))),
     'SynthesizeMalignancy'),
    (dict(type='NamedMixDataset', dataset=EXAMS,
          pipeline=dict(order=['paste'], paste=None)), None),
    (dict(EXAMS, pipeline=[dict(type='mammo.InsertLesions')]), 'InsertLesions'),
])
def test_synthetic_images_stay_out_of_tests(dataset, message):
    cfg = Config(dict(test_dataloader=dict(dataset=dataset)))
    if message is None:
        check_no_synthesis(cfg, ['val', 'test'])
    else:
        with pytest.raises(ConfigError, match=message):
            check_no_synthesis(cfg, ['val', 'test'])


RLE = dict(size=[4, 4], counts='0')
MASKS = dict(type='LoadAnnotations', with_bbox=True, with_mask=True)


@pytest.mark.parametrize('outlines, steps, said', [
    ([[], []], [MASKS], 'refused'),
    ([[], []], [dict(type='ForEachView', transforms=[MASKS])], 'refused'),
    ([[], []], [dict(MASKS, with_mask=False)], None),
    ([[[1, 1, 3, 1, 3, 3]], []], [MASKS], 'a.json: 1 of 2 lesions have no outline'),
    ([RLE, [[1, 1, 3, 1, 3, 3]]], [MASKS], None),
    ([], [MASKS], None),
])
def test_masks_that_a_data_set_lacks(tmp_path, capsys, outlines, steps, said):
    """Boxes of VinDr-Mammo beside synthetic masses, which have outlines."""
    lesions = [dict(category_id=1, segmentation=outline) for outline in outlines]
    lesions += [dict(category_id=1, segmentation=[], iscrowd=1),
                dict(category_id=2, segmentation=[])]  # not asked for
    (tmp_path / 'a.json').write_text(json.dumps(dict(
        annotations=lesions, categories=[
            dict(id=1, name='mass'), dict(id=2, name='calcification')])))
    (tmp_path / 'b.json').write_text(json.dumps(dict(
        annotations=[dict(category_id=1, segmentation=RLE)], categories=[
            dict(id=1, name='mass')])))
    own = dict(data_root=str(tmp_path), ann_file='a.json', pipeline=steps,
               other_classes=('calcification', ))
    cfg = Config(dict(train_dataloader=dict(dataset=dict(
        type='ConcatDataset', datasets=[own, dict(own, ann_file='b.json')]))))
    if said == 'refused':
        with pytest.raises(ConfigError, match='a.json: 2 of 2 lesions have no outline'):
            check_outlines(cfg)
    else:
        check_outlines(cfg)
        err = capsys.readouterr().err
        assert said in err if said else not err
