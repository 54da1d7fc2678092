"""What is checked of a config before a run."""

import json
import re

import pytest
from mmengine.config import Config

from mammo_plugins.apis.config_checks import (
    check_annotation_files,
    check_lengths,
    check_no_synthesis,
    check_outlines,
    warn_of_schedule,
)
from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.apis.fold_checks import check_folds
from mammo_plugins.engine.loops import stages_of

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
        load_config(
            CONFIG, {'train_cfg.max_epochs': epochs, 'param_scheduler.1.end': 6}
        )
    )
    assert ('ends at epoch 6' in capsys.readouterr().err) == warned


SINGLE = dict(type='EpochBasedTrainLoop', max_epochs=10)


@pytest.mark.parametrize(
    'part, refused, warned',
    [
        (dict(type='LinearLR', begin=12), True, False),
        (dict(type='LinearLR', begin=10), True, False),
        (dict(type='LinearLR', begin=5, end=5), True, True),
        (dict(type='LinearLR', begin=9), False, False),
        (dict(type='LinearLR', begin=12, by_epoch=False, end=100), False, False),
        (dict(type='MultiStepLR', milestones=[8, 11]), False, True),
        (dict(type='MultiStepLR', milestones=[8, 10]), False, True),
        (dict(type='MultiStepLR', milestones=[4, 9]), False, False),
    ],
)
@pytest.mark.parametrize('staged', [False, True])
def test_what_of_a_schedule_does_not_follow(capsys, part, refused, warned, staged):
    cfg = Config(dict(param_scheduler=[part], train_cfg=SINGLE))
    if staged:
        cfg = Config(
            dict(
                param_scheduler=dict(model=part),
                train_dataloader=dict(dataset=dict(type='A')),
                optim_wrapper=dict(optimizer=dict(type='SGD')),
                train_cfg=dict(
                    type='StagedTrainLoop',
                    order=['a'],
                    stages=dict(a=dict(max_epochs=10)),
                ),
            )
        )
    warn_of_schedule(cfg)
    assert ('warning: ' in capsys.readouterr().err) == warned
    if refused:
        with pytest.raises(ConfigError, match='LinearLR begins at epoch'):
            check_lengths(cfg)
    else:
        check_lengths(cfg)


@pytest.mark.parametrize(
    'config, options',
    [
        (
            'nafv/nafv-net_phantom',
            {
                'train_cfg.stages.segmentation.max_epochs': 9,
                'train_cfg.stages.classification.max_epochs': 2,
            },
        ),
        ('disasym/disasymnet_phantom', {'train_cfg.max_epochs': 7}),
        ('baselines/faster-rcnn_hrnetv2p-w8_phantom', {'train_cfg.max_epochs': 30}),
    ],
)
def test_schedules_of_the_phantom_follow(capsys, config, options):
    cfg = load_config(f'configs/{config}.py', options)
    warn_of_schedule(cfg)
    assert not capsys.readouterr().err
    whole = cfg.param_scheduler + [
        part for stage in stages_of(cfg) for part in stage.param_scheduler or ()
    ]
    assert 'CosineAnnealingLR' in [part.type for part in whole]
    assert not [part for part in whole if 'end' in part and part.get('by_epoch', True)]


def test_annotation_files_of_wrapped_datasets(tmp_path):
    (tmp_path / 'a.json').write_text('{}')
    there = dict(data_root=str(tmp_path), ann_file='a.json')
    cfg = Config(
        dict(
            train_dataloader=dict(
                dataset=dict(
                    type='RepeatDataset', dataset=dict(datasets=[there, there])
                )
            )
        )
    )
    check_annotation_files(cfg, ['train', 'val'])
    there['ann_file'] = 'b.json'
    cfg.train_dataloader.dataset.dataset.datasets[1] = there
    with pytest.raises(ConfigError, match=r'b.json: no such.*train_dataloader'):
        check_annotation_files(cfg, ['train'])


def test_a_part_that_got_no_patient(tmp_path):
    cfg = Config(
        dict(
            test_dataloader=dict(
                dataset=dict(data_root=str(tmp_path), ann_file='annotations/test.json')
            )
        )
    )
    with pytest.raises(ConfigError, match='make it with mammo convert'):
        check_annotation_files(cfg, ['test'])
    (tmp_path / 'annotations').mkdir()
    for part in ('train', 'val'):
        (tmp_path / f'annotations/{part}.json').write_text('{}')
    with pytest.raises(
        ConfigError,
        match='the folder also has train.json, val.json. A part without patients .*--ratios',
    ):
        check_annotation_files(cfg, ['test'])


OF_FOLD = dict(fold=1, ann_file='annotations/fold_{fold}/train.json')
PART = 'train_dataloader.dataset'


def folds(train, val=OF_FOLD, test=OF_FOLD, **settings):
    return Config(
        dict(
            train_dataloader=dict(dataset=train),
            val_dataloader=dict(dataset=val),
            test_dataloader=dict(dataset=test),
            **settings,
        )
    )


@pytest.mark.parametrize(
    'cfg',
    [
        folds(OF_FOLD),
        folds(*[dict(OF_FOLD, fold=7)] * 3),
        # of no fold: files that all folds share, or made for a fold by its own name
        folds(dict(datasets=[OF_FOLD, dict(ann_file='a.json', data_root='made_12ab')])),
        folds(
            dict(ann_file='a.json'), dict(ann_file='b.json'), dict(ann_file='c.json')
        ),
    ],
)
def test_runs_of_one_fold(cfg):
    check_folds(cfg)


@pytest.mark.parametrize(
    'settings',
    [
        dict(data_prefix=dict(img='images_{fold}')),
        dict(extra_roots=['more_{fold}']),
        dict(detection_file='found_{fold}.json'),
    ],
)
def test_what_else_is_of_a_fold(settings):
    dataset = dict(type='ExamDataset', ann_file='a.json', fold=1, **settings)
    check_folds(folds(dataset, dict(dataset), dict(dataset)))
    with pytest.raises(ConfigError, match='val_dataloader.dataset.fold is 2'):
        check_folds(folds(dataset, dict(dataset, fold=2)))
    with pytest.raises(ConfigError, match=f'{PART}.fold: None; expected the number'):
        check_folds(folds(dict(dataset, fold=None)))


def test_names_in_which_a_fold_would_stay():
    with pytest.raises(
        ConfigError, match=rf'{PART}.note: n_{{fold}}: {{fold}} is not replaced'
    ):
        check_folds(folds(dict(OF_FOLD, note='n_{fold}')))


OF_TWO = 'annotations/fold_2/val.json'


@pytest.mark.parametrize(
    'train, val, said',
    [
        # beside a fold that is named by the field
        (
            dict(OF_FOLD, fold=1),
            dict(ann_file=OF_TWO),
            'val_dataloader.dataset.ann_file is of fold 2',
        ),
        (dict(ann_file=OF_TWO), OF_FOLD, f'{PART}.ann_file is of fold 2'),
        (dict(OF_FOLD, fold=2), dict(ann_file=OF_TWO, fold=2), None),
        (dict(OF_FOLD, fold=1), dict(ann_file='of_fold_2/val.json'), None),
    ],
)
def test_files_of_a_fold_by_number(train, val, said):
    cfg = folds(train, val, train)
    if said is None:
        check_folds(cfg)
        return
    with pytest.raises(
        ConfigError, match=f'{said}.*: patients in the training set of one fold'
    ):
        check_folds(cfg)


@pytest.mark.parametrize(
    'patients, shared', [(('p1', 'p2'), True), (('p2', 'p3'), False)]
)
def test_folds_that_are_parts_by_themselves(tmp_path, patients, shared):
    """Numbers alone may be of parts that share nobody."""
    for fold, names in ((1, ('p1',)), (2, patients)):
        (tmp_path / f'fold_{fold}').mkdir()
        (tmp_path / f'fold_{fold}/a.json').write_text(
            json.dumps(
                dict(
                    images=[
                        dict(id=i, file_name=f'{i}.png', patient_id=name)
                        for i, name in enumerate(names)
                    ],
                    annotations=[],
                    categories=[],
                )
            )
        )
    one, two = (
        dict(data_root=str(tmp_path), ann_file=f'fold_{n}/a.json') for n in (1, 2)
    )
    if shared:
        with pytest.raises(
            ConfigError, match='patients in the training set of one fold'
        ):
            check_folds(folds(one, two, two))
    else:
        check_folds(folds(one, two, two))


@pytest.mark.parametrize(
    'cfg, said',
    [
        (
            folds(dict(OF_FOLD, fold=2)),
            f'{PART}.fold is 2, val_dataloader.dataset.fold is 1',
        ),
        (folds(OF_FOLD, dict(OF_FOLD, fold=2)), 'val_dataloader.dataset.fold is 2'),
        (
            folds(OF_FOLD, test=dict(OF_FOLD, fold=2)),
            'test_dataloader.dataset.fold is 2',
        ),
        (
            folds(
                dict(
                    datasets=dict(
                        a=OF_FOLD,
                        b=dict(fold=2, ann_file='a.json', data_root='made_{fold}'),
                    )
                )
            ),
            f'{PART}.datasets.b.fold is 2',
        ),
        (
            folds(
                dict(
                    type='RepeatDataset',
                    dataset=dict(
                        fold=2,
                        ann_file='a.json',
                        pipeline=dict(
                            order=['paste'], paste=dict(bank='bank_{fold}.npz')
                        ),
                    ),
                )
            ),
            f'{PART}.dataset.fold is 2',
        ),
        (
            folds(
                OF_FOLD,
                optim_wrapper=dict(optimizer=dict(type='SGD')),
                train_cfg=dict(
                    type='StagedTrainLoop',
                    order=['a'],
                    stages=dict(
                        a=dict(
                            max_epochs=1,
                            train_dataloader=dict(
                                dataset=dict(type='ExamDataset', fold=2)
                            ),
                        )
                    ),
                ),
            ),
            'train_cfg.stages.a.train_dataloader.dataset.fold is 2',
        ),
        (folds(dict(OF_FOLD, fold=None)), f'{PART}.fold: None; expected the number'),
        (folds(dict(OF_FOLD, fold=True)), f'{PART}.fold: True; expected the number'),
        (folds(dict(OF_FOLD, fold='1')), f"{PART}.fold: '1'; expected the number"),
        (
            folds(OF_FOLD, dict(OF_FOLD, fold=0)),
            'val_dataloader.dataset.fold: 0; expected',
        ),
    ],
)
def test_runs_of_several_folds(cfg, said):
    """Trained on fold 2, it would be validated on patients of the training."""
    with pytest.raises(ConfigError) as error:
        check_folds(cfg)
    assert said in str(error.value)


def test_the_cure_of_folds_that_differ():
    """The options that the error names make it a run of that fold."""
    config = 'configs/nafv/nafv-net_cdd-cesm_10-fold.py'
    with pytest.raises(ConfigError) as error:
        check_folds(load_config(config, {f'{PART}.fold': 2}))
    (cure,) = re.findall('--cfg-options (.*), or', str(error.value))
    cfg = load_config(
        config,
        {
            key: int(value)
            for key, value in (option.split('=') for option in cure.split())
        },
    )
    check_folds(cfg)
    assert [
        cfg[f'{part}_dataloader'].dataset.fold for part in ('train', 'val', 'test')
    ] == [2, 2, 2]


def test_classes_of_plain_mmdet_datasets(tmp_path):
    (tmp_path / 'a.json').write_text('{"categories": [{"id": 1, "name": "mass"}]}')
    cfg = Config(
        dict(
            train_dataloader=dict(
                dataset=dict(
                    type='mmdet.CocoDataset',
                    ann_file=str(tmp_path / 'a.json'),
                    metainfo=dict(classes=('mass',)),
                )
            )
        )
    )
    check_annotation_files(cfg, ['train'])
    cfg.train_dataloader.dataset.metainfo.classes = ('mas',)
    with pytest.raises(ConfigError, match=r"classes \['mas'\] of .* has \['mass'\]"):
        check_annotation_files(cfg, ['train'])


EXAMS = dict(type='ExamDataset', ann_file='a.json', test_mode=True)


@pytest.mark.parametrize(
    'dataset, message',
    [
        (EXAMS, None),
        (dict(type='CocoDataset', ann_file='a.json'), None),
        (dict(type='ConcatDataset', datasets=[EXAMS, EXAMS]), None),
        (dict(EXAMS, test_mode=False), 'test_dataloader.dataset.test_mode'),
        (
            dict(
                type='ConcatDataset', datasets=[EXAMS, dict(type='mammo.ExamDataset')]
            ),
            'test_dataloader.dataset.datasets.1.test_mode',
        ),
        (
            dict(
                type='MultiImageMixDataset',
                dataset=EXAMS,
                pipeline=[dict(type='SynthesizeMalignancy')],
            ),
            'SynthesizeMalignancy',
        ),
        (
            dict(
                type='NamedMixDataset',
                dataset=EXAMS,
                pipeline=dict(order=['paste'], paste=dict(type='SynthesizeMalignancy')),
            ),
            'SynthesizeMalignancy',
        ),
        (
            dict(
                type='NamedMixDataset',
                dataset=EXAMS,
                pipeline=dict(order=['paste'], paste=None),
            ),
            None,
        ),
        (dict(EXAMS, pipeline=[dict(type='mammo.InsertLesions')]), 'InsertLesions'),
    ],
)
def test_synthetic_images_stay_out_of_tests(dataset, message):
    cfg = Config(dict(test_dataloader=dict(dataset=dataset)))
    if message is None:
        check_no_synthesis(cfg, ['val', 'test'])
    else:
        with pytest.raises(ConfigError, match=message):
            check_no_synthesis(cfg, ['val', 'test'])


RLE = dict(size=[4, 4], counts='0')
MASKS = dict(type='LoadAnnotations', with_bbox=True, with_mask=True)


@pytest.mark.parametrize(
    'outlines, steps, said',
    [
        ([[], []], [MASKS], 'refused'),
        ([[], []], [dict(type='ForEachView', transforms=[MASKS])], 'refused'),
        ([[], []], [dict(MASKS, with_mask=False)], None),
        ([[[1, 1, 3, 1, 3, 3]], []], [MASKS], 'a.json: 1 of 2 lesions have no outline'),
        ([RLE, [[1, 1, 3, 1, 3, 3]]], [MASKS], None),
        ([], [MASKS], None),
    ],
)
def test_masks_that_a_data_set_lacks(tmp_path, capsys, outlines, steps, said):
    """Boxes of VinDr-Mammo beside synthetic masses, which have outlines."""
    lesions = [dict(category_id=1, segmentation=outline) for outline in outlines]
    lesions += [
        dict(category_id=1, segmentation=[], iscrowd=1),
        dict(category_id=2, segmentation=[]),
    ]  # not asked for
    (tmp_path / 'a.json').write_text(
        json.dumps(
            dict(
                annotations=lesions,
                categories=[dict(id=1, name='mass'), dict(id=2, name='calcification')],
            )
        )
    )
    (tmp_path / 'b.json').write_text(
        json.dumps(
            dict(
                annotations=[dict(category_id=1, segmentation=RLE)],
                categories=[dict(id=1, name='mass')],
            )
        )
    )
    own = dict(
        data_root=str(tmp_path),
        ann_file='a.json',
        pipeline=steps,
        other_classes=('calcification',),
    )
    cfg = Config(
        dict(
            train_dataloader=dict(
                dataset=dict(
                    type='ConcatDataset', datasets=[own, dict(own, ann_file='b.json')]
                )
            )
        )
    )
    if said == 'refused':
        with pytest.raises(ConfigError, match='a.json: 2 of 2 lesions have no outline'):
            check_outlines(cfg)
    else:
        check_outlines(cfg)
        err = capsys.readouterr().err
        assert said in err if said else not err
