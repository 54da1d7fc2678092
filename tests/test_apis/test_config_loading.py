"""Settings that change nothing are refused, wherever they stand."""

from pathlib import Path

import pytest

from mammo_plugins.apis.config_loading import ConfigError, load_config

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
CONFIGS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / 'configs').rglob('*.py')
    if '_base_' not in path.parts and path.name != 'ablation.py'
)


@pytest.fixture(autouse=True)
def _root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture
def child(tmp_path):
    """Write a config that inherits from a base, the baseline by default."""

    def write(text, base=str(ROOT / CONFIG), name='child.py'):
        path = tmp_path / name
        path.write_text(f'_base_ = {base!r}\n{text}\n')
        return str(path)

    return write


@pytest.fixture
def copying(child):
    """Write a config of variables that it copies into settings, and one over it."""
    base = child(
        """
data_root = 'data/phantom/'
dataset_type = 'ExamDataset'
max_epochs = 6
meta_keys = ('img_id', 'img_path')
load_mammogram = dict(type='LoadMammogram', cache_dir='data/pixel_cache')
train_pipeline = [
    dict(type='SelectView', view='main'), load_mammogram,
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='ResizeWithin', max_height=3000, max_width=1500),
    dict(type='PackDetInputs', meta_keys=meta_keys)
]
test_pipeline = [
    dict(type='SelectView', view='main'), load_mammogram,
    dict(type='PackDetInputs', meta_keys=meta_keys)
]
train_dataloader = dict(
    dataset=dict(_delete_=True, type=dataset_type, data_root=data_root,
                 pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(_delete_=True, type=dataset_type, data_root=data_root,
                 pipeline=test_pipeline))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', begin=0, end=max_epochs, eta_min_ratio=0.01)
]
""",
        name='copying.py',
    )
    return child('', base, name='over_copying.py')


# siblings stand beside each other
@pytest.mark.parametrize('path', CONFIGS[::4])
def test_shipped_configs_are_loaded_without_a_word(path, capsys):
    load_config(path)
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    'text, fields',
    [
        (
            "data_root = 'data/mine'",
            ['train_dataloader.dataset.data_root', 'test_dataloader.dataset.data_root'],
        ),
        (
            'max_epochs = 12',
            ['train_cfg.max_epochs', 'train_cfg.val_interval', 'param_scheduler'],
        ),
        ('train_pipeline = []', ['train_dataloader.dataset.pipeline']),
        ("dataset_type = 'PatchDataset'", ['train_dataloader.dataset.type']),
        # a dict is merged, and a base's base has copied it into lists
        ('load_mammogram = dict(margin=3)', ['test_dataloader.dataset.pipeline']),
        ("meta_keys = ('img_id', )", ['val_dataloader.dataset.pipeline']),
    ],
)
def test_variables_that_a_base_has_copied(child, copying, text, fields):
    path = child(text, copying)
    with pytest.raises(ConfigError, match='has no effect') as error:
        load_config(path)
    assert text.split(' ')[0] in str(error.value) and path in str(error.value)
    for field in fields:
        assert field in str(error.value)


def test_parts_may_be_left_out(child, capsys):
    """A base has made the metrics of the test of those of the validation."""
    cfg = load_config(
        child(
            ''.join(
                f'val_{part} = None\n' for part in ('dataloader', 'cfg', 'evaluator')
            )
        )
    )
    assert cfg.val_evaluator is None and cfg.test_evaluator.type == 'FROCMetric'
    assert not capsys.readouterr().err


def test_labels_of_another_config(child):
    base = str(ROOT / 'configs/divf/divf-concatenate_r18_phantom.py')
    with pytest.raises(ConfigError, match='train_dataloader.dataset.labels'):
        load_config(child("labels = dict(positive=('5', ))", base))


def test_bases_of_a_user(tmp_path, child):
    """The name is nobody's: it is what configs do with it that counts."""
    (tmp_path / 'a.py').write_text(
        "place = '/data/a'\nwork_dir = place + '/out'\nother = place\n"
        'sizes = (3, 4)\ndel sizes\nunused = 3\n'
    )
    (tmp_path / 'b.py').write_text("_base_ = './a.py'\nlog_level = 'INFO'\n")
    with pytest.raises(ConfigError, match='place: has no effect.*set work_dir'):
        load_config(child("place = '/data/b'", './b.py'))
    # a variable of one base alone, or that makes no setting
    load_config(child('sizes = (5, 6)\nunused = 4', './b.py'))
    # the setting itself is given too
    load_config(child("place = '/data/b'\nwork_dir = '/data/b/out'", './b.py'))
    (tmp_path / 'c.py').write_text("_base_ = './b.py'\nplace = '/data/b'\n")
    with pytest.raises(ConfigError, match='place: has no effect'):
        load_config(child("log_level = 'INFO'", './c.py'))


def test_a_value_that_the_run_reads_and_a_base_has_copied(tmp_path, child):
    (tmp_path / 'a.py').write_text(
        "work_dir = 'runs/a'\ntest_evaluator = dict(type='ROCMetric', "
        "class_names=('a', 'b'), out_dir=work_dir + '/test')\n"
    )
    with pytest.raises(ConfigError, match='work_dir: .*set test_evaluator.out_dir'):
        load_config(child("work_dir = 'runs/b'", './a.py'))


def test_a_variable_that_reaches_a_part_is_warned_of(child, copying, capsys):
    load_config(
        child(
            "data_root = 'data/mine'\ntrain_dataloader = dict(dataset=dict("
            'data_root=data_root))',
            copying,
        )
    )
    said = capsys.readouterr().err
    assert 'val_dataloader.dataset.data_root' in said
    assert 'train_dataloader' not in said


def test_all_that_was_copied_may_be_set(child, copying, capsys):
    load_config(
        child(
            "data_root = 'data/mine'\n"
            + '\n'.join(
                f'{part}_dataloader = dict(dataset=dict(data_root=data_root))'
                for part in ('train', 'val', 'test')
            ),
            copying,
        )
    )
    assert not capsys.readouterr().err


def test_heirs_of_a_config_that_mmengine_wrote(tmp_path, child, copying):
    """The file in a work dir holds values, not the expressions they came from."""
    load_config(copying).dump(tmp_path / 'dumped.py')
    with pytest.raises(ConfigError, match='data_root: .*test_dataloader.dataset'):
        load_config(child("data_root = 'data/mine'", './dumped.py'))
    with pytest.raises(ConfigError, match='train_dataloader.dataset.data_root'):
        load_config(str(tmp_path / 'dumped.py'), {'data_root': 'data/mine'})


@pytest.mark.parametrize(
    'options, fields',
    [
        (
            {'data_root': 'data/mine'},
            ['train_dataloader.dataset.data_root', 'val_dataloader.dataset.data_root'],
        ),
        (
            {'train_pipeline.3.max_height': 512},
            ['set train_dataloader.dataset.pipeline.3.max_height'],
        ),
        ({'max_epochs': 3}, ['train_cfg.max_epochs', 'param_scheduler.1.end']),
        (
            {'load_mammogram.cache_dir': None},
            ['test_dataloader.dataset.pipeline.1.cache_dir'],
        ),
    ],
)
def test_options_that_reach_nothing(copying, options, fields):
    with pytest.raises(ConfigError, match='has no effect') as error:
        load_config(copying, options)
    for field in fields:
        assert field in str(error.value)


def test_options_that_reach_what_they_name(copying):
    options = {'work_dir': 'a', 'model.roi_head.bbox_head.loss_cls.loss_weight': 2.0}
    cfg = load_config(
        copying,
        {
            'train_dataloader.dataset.pipeline.3.max_height': 512,
            **options,
            'data_root': 'data/phantom/',
        },
    )  # as it is
    assert cfg.train_dataloader.dataset.pipeline[3].max_height == 512
    cfg = load_config(
        CONFIG, {'train_dataloader.dataset.pipeline.resize.max_height': 512, **options}
    )
    assert cfg.train_dataloader.dataset.pipeline.resize.max_height == 512


def test_parts_that_a_config_has_put_together():
    """What a base gives to build on changes nothing once it is built."""
    for options, field in (
        ({'detector.neck.out_channels': 8}, 'model'),
        ({'small.detector.neck.out_channels': 8}, 'model'),
        ({'from_scratch.cosine.eta_min_ratio': 0.5}, 'param_scheduler'),
    ):
        with pytest.raises(ConfigError, match=f'has no effect.*set {field}'):
            load_config(CONFIG, options)


@pytest.mark.parametrize(
    'option, named',
    [
        ('model.roi_head.bbox_head.num_clases', 'num_classes'),
        ('model.test_cfg.rcnn.score_th', 'score_thr'),
        ('model.data_preprocessor.num_chanels', 'num_channels'),
        ('train_cfg.max_epoch', 'max_epochs'),
        ('train_dataloader.batch_siz', 'batch_size'),
        ('train_dataloader.dataset.dataroot', 'data_root'),
        ('train_dataloader.dataset.filter_cfg.filter_empty_g', 'filter_empty_gt'),
        ('train_dataloader.dataset.pipeline.resize.max_heigth', 'max_height'),
        ('optim_wrapper.optimizer.weight_deca', 'weight_decay'),
        ('param_scheduler.1.eta_min_rato', 'eta_min_ratio'),
        ('default_hooks.checkpoint.save_bst', 'save_best'),
        ('test_evaluator.iou_th', 'iou_thr'),
        ('randomness.sed', 'seed'),
        ('modle.neck.out_channels', 'model'),
    ],
)
def test_misspelt_settings(option, named, child):
    with pytest.raises(ConfigError, match=f'did you mean .*{named}') as error:
        load_config(CONFIG, {option: 3})
    assert f'--cfg-options {option}' in str(error.value)
    keys = list(option.split('.'))
    if any(key.isdigit() for key in keys) or keys[0] == 'modle':
        return  # no place in a list can be set by a config
    text = ''.join(f'dict({key}=' for key in keys[1:]) + '3' + ')' * (len(keys) - 1)
    path = child(f'{keys[0]} = {text}')
    with pytest.raises(ConfigError, match=f'did you mean .*{named}') as error:
        load_config(path)
    assert f'{path}: {option}' in str(error.value)


def test_misspelt_settings_of_stages_and_of_parts():
    for config, option in [
        (
            'configs/mamminet_v2_phantom.py',
            'model.ipsilateral.roi_head.bbox_head.num_clases',
        ),
        (
            'configs/mamminet_v2_phantom.py',
            'train_cfg.stages.fusion.optim_wrapper.optimizer.weight_decai',
        ),
        ('configs/divf/divf-concatenate_r18_phantom.py', 'model.head.num_clases'),
    ]:
        with pytest.raises(ConfigError, match=option):
            load_config(config, {option: 3})


@pytest.mark.parametrize(
    'part, said',
    [
        (
            "synthetik=dict(data_root='data/mine')",
            'synthetik: a data set without a type.*did you mean synthetic',
        ),
        (
            "more=dict(data_root='data/mine')",
            'more: a data set without a type.*it has original, synthetic',
        ),
        ('more=3', 'more: 3; expected a dict of settings or None'),
    ],
)
def test_data_sets_by_a_name_that_no_base_has(part, said, child):
    base = str(ROOT / 'configs/blending/mask-rcnn_r18_phantom_blending.py')
    text = f'train_dataloader = dict(dataset=dict(datasets=dict({part})))'
    with pytest.raises(
        ConfigError, match=rf'train_dataloader\.dataset\.datasets\.{said}'
    ):
        load_config(child(text, base))
    wrapped = child(
        "train_dataloader = dict(dataset=dict(_delete_=True, type='RepeatDataset', "
        f"times=2, dataset=dict(type='NamedConcatDataset', datasets=dict({part}))))",
        base,
        'wrapped.py',
    )
    with pytest.raises(ConfigError, match=r'dataset\.dataset\.datasets\.'):
        load_config(wrapped)


def test_data_sets_by_name_may_be_left_out_or_added(child):
    base = str(ROOT / 'configs/blending/mask-rcnn_r18_phantom_blending.py')
    cfg = load_config(
        child(
            'train_dataloader = dict(dataset=dict(datasets=dict(synthetic=None, '
            'more=_base_.train_dataloader.dataset.datasets.synthetic)))',
            base,
        )
    )
    assert cfg.train_dataloader.dataset.datasets.more.type == 'ExamDataset'


def test_misspelt_variables(child, copying):
    with pytest.raises(ConfigError, match='train_dataloder.*mean train_dataloader'):
        load_config(child('train_dataloder = dict(batch_size=2)'))
    with pytest.raises(ConfigError, match='max_epoch: .*mean max_epochs'):
        load_config(child('max_epoch = 2', copying))
    load_config(
        child(
            'train_dataloaders = dict(batch_size=2)\n'
            'train_dataloader = train_dataloaders'
        )
    )


@pytest.mark.parametrize(
    'text, meant',
    [
        ('batch_size = 2', 'train_dataloader.batch_size'),
        ('lr = 0.1', 'optim_wrapper.optimizer.lr'),
        ('optimizer = dict(lr=0.5)', 'optim_wrapper.optimizer'),
        ('num_workers = 3', 'train_dataloader.num_workers'),
        ('modle = dict(roi_head=1)', 'model'),
        ("_base_.train_pipeline[3]['max_height'] = 512", 'the setting itself'),
    ],
)
def test_variables_that_nothing_reads(child, copying, text, meant):
    with pytest.raises(ConfigError, match='it has no effect; did you mean') as error:
        load_config(child(text, copying))
    assert meant in str(error.value)


def test_a_variable_that_is_like_nothing_is_warned_of(child, capsys):
    load_config(
        child(
            "author = 'me'\n_note = 3\nsize = 3\n"
            'train_dataloader = dict(batch_size=size)'
        )
    )
    assert capsys.readouterr().err.count('it has no effect') == 1


@pytest.mark.parametrize(
    'text',
    [
        'for max_epochs in (99, ): pass',
        'zz = (max_epochs := 99)',
        'a = max_epochs = 99',
        'max_epochs, zz = 99, 1',
        'if True:\n    max_epochs = 99',
    ],
)
def test_variables_set_in_other_ways(child, copying, text):
    with pytest.raises(
        ConfigError,
        match='max_epochs: has no effect|zz: nothing|a: nothing|max_epochs: nothing',
    ):
        load_config(child(text, copying))


@pytest.mark.parametrize(
    'text, named',
    [
        ('optim_wrapper = dict(clip_grad=dict(max_nrom=1))', 'max_norm'),
        (
            'model = dict(test_cfg=dict(rcnn=dict(nms=dict(iou_thresold=0.3))))',
            'iou_threshold',
        ),
        (
            "train_dataloader = dict(dataset=dict(metainfo=dict(clases=('mass', ))))",
            'classes',
        ),
        (
            "train_dataloader = dict(dataset=dict(metainfo=dict(class_names=('mass', ))))",
            'classes',
        ),
        ('default_hooks = dict(checkpont=dict(interval=2))', 'checkpoint'),
        ("env_cfg = dict(mp_cfg=dict(mp_start_metod='fork'))", 'mp_start_method'),
    ],
)
def test_misspelt_settings_of_functions(child, text, named):
    with pytest.raises(ConfigError, match=named):
        load_config(child(text))


def test_a_call_of_a_library_with_a_misspelt_setting_is_explained():
    from mammo_plugins.apis.run_errors import explained

    space = {'__name__': 'library'}
    exec('def crop(image, height): pass\ndef run(**kwargs): crop(1, **kwargs)', space)
    with pytest.raises(TypeError) as error:
        space['run'](heigth=3)
    assert explained(error.value) == (
        'a setting of the config is misspelt: crop() has '
        'no heigth; did you mean height?'
    )


def test_options_that_do_not_fit(copying):
    for path in (copying, CONFIG):
        with pytest.raises(ConfigError, match='train_dataloader.dataset.pipeline.99'):
            load_config(path, {'train_dataloader.dataset.pipeline.99.scale': 3})


def test_tuples_stay_tuples(child):
    """``key=a,b`` of the command line is a list, which mmcv's Resize does not take."""
    path = child(
        'test_dataloader = dict(dataset=dict(pipeline=dict(resize=dict('
        "_delete_=True, type='Resize', scale=(64, 128)))))"
    )
    option = 'test_dataloader.dataset.pipeline.resize.scale'
    cfg = load_config(path, {option: [32, 64]})
    assert cfg.test_dataloader.dataset.pipeline.resize.scale == (32, 64)


def test_other_formats(tmp_path, child):
    (tmp_path / 'a.json').write_text('{"data_root": "a", "work_dir": "b"}')
    load_config(str(tmp_path / 'a.json'))
    load_config(child("work_dir = 'c'", './a.json'))


@pytest.mark.parametrize(
    'base, said',
    [
        (
            'mammo_plugins::divf/no-fusion_r18_vind.py',
            'no such config; did you mean mammo_plugins::divf/no-fusion_r18_vindr.py',
        ),
        (
            'mammo_plugins::qqqqqq',
            'no such config; mammo config lists the shipped ones',
        ),
        ('./bace.py', 'no such file; did you mean base.py?'),
        ('./elsewhere/qqqqqq.py', 'no such file'),
        ('mmdet::faster_rcnn/none.py', 'no such config in mmdet'),
    ],
)
def test_missing_bases(base, said, child, tmp_path):
    """Also of a base's own base, whose file the error names."""
    inner = child('', base, 'inner.py')
    child('', name='base.py')
    for path in (inner, child('', ['./base.py', './inner.py'])):
        with pytest.raises(ConfigError) as error:
            load_config(path)
        text = str(error.value)
        assert text.startswith(f'{inner}: _base_: {base}: {said}')
        assert 'FileNotFoundError' not in text and 'site-packages' not in text
