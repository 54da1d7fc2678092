"""Mistakes of a user get one line that says what to do, before the first batch."""

import json
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mammo_plugins.apis.config_checks import check_out_of_fold
from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.registry import MODELS

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
PARTS = ('train', 'val', 'test')


@pytest.fixture
def small(phantom_root, tmp_path):
    """Options of the small baseline on the tiny exams."""

    def options(*more, root=phantom_root):
        return [
            '--work-dir',
            str(tmp_path / 'work'),
            '--cfg-options',
            *(f'{part}_dataloader.dataset.data_root={root}' for part in PARTS),
            *(f'{part}_dataloader.num_workers=0' for part in PARTS),
            'train_cfg.max_epochs=1',
            'train_cfg.val_interval=1',
            *more,
        ]

    return options


@pytest.fixture
def refused(run_tool):
    """Check that a command ends in one line, without a batch."""

    def check(*words, said):
        done = run_tool(*words)
        last = done.err.strip().splitlines()[-1]
        assert done.returncode == 2, done.err[-3000:]
        assert 'Traceback' not in done.err
        assert last.startswith('error: ')
        for text in [said] if isinstance(said, str) else said:
            assert text in last, last
        assert 'Epoch(train)' not in done.out + done.err
        return done

    return check


@pytest.fixture
def child(tmp_path):
    """Write a config that inherits from the baseline."""

    def write(text, base=CONFIG):
        path = tmp_path / 'child.py'
        path.write_text(f'_base_ = {str(ROOT / base)!r}\n{text}\n')
        return path

    return write


@pytest.fixture
def two_kinds(phantom_root, tmp_path):
    """The tiny exams, every second lesion a calcification."""
    root = tmp_path / 'two_kinds'
    (root / 'annotations').mkdir(parents=True)
    for part in ('train', 'test'):
        data = json.loads((phantom_root / f'annotations/{part}.json').read_text())
        data['categories'].append(dict(id=2, name='calcification'))
        for annotation in data['annotations'][::2]:
            annotation['category_id'] = 2
        (root / f'annotations/{part}.json').write_text(json.dumps(data))
    (root / 'dicom').symlink_to(phantom_root / 'dicom')
    return root


HEADS = 'model.roi_head.bbox_head.num_classes'


@pytest.mark.parametrize(
    'setting, said',
    [
        (f'{HEADS}=3', [f'{HEADS} is 3', 'train_dataloader.dataset has 1 (mass)']),
        (
            "val_dataloader.dataset.metainfo.classes=('mas',)",
            ["classes ['mas'] are not in the file; the file has ['mass']"],
        ),
        ("val_dataloader.dataset.metainfo.classes='mass'", 'expected a tuple of names'),
        (
            'train_dataloader.batch_size=100 train_dataloader.drop_last=True',
            ['24 samples make no batch of 100', 'drop_last=False'],
        ),
        (
            "default_hooks.checkpoint.save_best='froc/recall@1.0'",
            ['froc/recall@1.0', "rule='greater'"],
        ),
        ('load_from=https://host.example/a/b.pth', 'checkpoints/b.pth'),
        (
            'model.backbone.depth=3',
            'backbone.depth: NarrowStemHRNet has no such setting; it has',
        ),
        (
            'model.neck.depth=3',
            ["unexpected keyword argument 'depth'; it has", 'num_outs'],
        ),
        ('optim_wrapper.optimizer.learning_rate=3', 'learning_rate'),
        ('train_dataloader.dataset.modality=CEM-LE', "no view of modality 'CEM-LE'"),
        ('train_cfg.val_interval=0', 'train_cfg.val_interval: 0; expected'),
        ('train_dataloader.batch_size=0', 'train_dataloader.batch_size: 0; expected'),
        ('train_dataloader.sampler.type=NoSampler', 'NoSampler is not in the'),
        ('model.data_preprocessor.mean=[0.1,0.2,0.3]', 'expected one number'),
    ],
)
def test_before_the_first_batch_of_training(setting, said, small, refused):
    refused('tools/train.py', CONFIG, *small(*setting.split(' ')), said=said)


@pytest.mark.parametrize(
    'setting, said',
    [
        (
            'train_cfg.max_epochs=0',
            'train_cfg.max_epochs: 0; expected an integer from 1',
        ),
        ('train_cfg.max_epochs=-1', 'max_epochs: -1; expected an integer from 1'),
        ('train_cfg.max_epochs=1.5', 'max_epochs: 1.5; expected an integer from 1'),
        ('train_cfg.max_epochs=None', 'max_epochs: None; expected an integer from 1'),
        ('train_cfg.max_epochs=x', "'x'; expected a number, as the 6 of the config"),
        ('train_cfg.val_begin=0', 'train_cfg.val_begin: 0; expected an integer from 1'),
        (
            'train_dataloader.num_workers=-1',
            'num_workers: -1; expected an integer from 0',
        ),
        ('train_cfg=3', '--cfg-options train_cfg: 3; expected a dict of settings'),
        ('default_hooks=None', 'default_hooks: None; expected a dict of settings'),
        ('model=FasterRCNN', "model: 'FasterRCNN'; expected a dict of settings"),
        ('param_scheduler=[3]', 'param_scheduler.0: 3; expected a dict of settings'),
        ("custom_hooks=['x']", "custom_hooks.0: 'x'; expected a dict of settings"),
        ('log_level=LOUD', "log_level: 'LOUD'; expected one of DEBUG, INFO"),
        ('load_from=3', 'load_from: 3; expected a text'),
        ('train_dataloader.dataset.pipeline=None', 'pipeline: None; expected a list'),
        ('train_dataloader.dataset.pipeline=[3]', 'pipeline.0: 3; expected a dict'),
        ('train_dataloader.dataset.pipeline.99.type=x', 'pipeline.99: no such step'),
        (
            'param_scheduler.9.begin=1',
            'param_scheduler.9.begin: param_scheduler is a list of 2',
        ),
        (
            'randomness.seed.a=3',
            'randomness.seed.a: randomness.seed is 0, which has no settings',
        ),
        (
            'optim_wrapper.optimizer.type=AdamV',
            'no such optimizer AdamV; did you mean',
        ),
        ('=3', 'has an empty name before ='),
        ('train_cfg..max_epochs=3', 'an empty name'),
    ],
)
def test_settings_of_another_kind(setting, said, small, run_tool):
    done = run_tool('tools/train.py', CONFIG, *small(setting))
    last = done.err.strip().splitlines()[-1]
    assert done.returncode == 2 and 'Traceback' not in done.err, done.err[-2000:]
    assert 'error: ' in last and said in last


def test_what_nobody_has_foreseen(small, run_tool, tmp_path, monkeypatch):
    """Told with the options in one line, its traceback kept; without options raised."""

    def from_cfg(cfg):
        raise ZeroDivisionError('in the midst of a library')

    monkeypatch.setattr('mmengine.runner.Runner.from_cfg', from_cfg)
    done = run_tool('tools/train.py', CONFIG, *small('randomness.seed=-1'))
    last = done.err.strip().splitlines()[-1]
    assert done.returncode == 2 and 'Traceback' not in done.err
    assert 'ZeroDivisionError: in the midst of a library; this run differs' in last
    log = tmp_path / 'work/error.log'
    assert f'the traceback is in {log}' in last
    assert 'Traceback (most recent call last)' in log.read_text()
    monkeypatch.setattr(
        'mammo_plugins.apis.config_checks.check_annotation_files', lambda *_: None
    )
    monkeypatch.setattr(
        'mammo_plugins.apis.leakage.check_synthetic_sources', lambda *_: None
    )
    with pytest.raises(ZeroDivisionError):
        run_tool('tools/train.py', CONFIG, '--work-dir', tmp_path / 'other')


@pytest.mark.parametrize(
    'tool, words, said',
    [
        (
            'train',
            ['configs/_base_/models/momminet_v2.py'],
            ['has no model, train_dataloader, train_cfg, optim_wrapper', '_base_'],
        ),
        (
            'test',
            ['configs/blending/blending-gan_phantom.py', 'README.md'],
            ['has no test_dataloader', 'generators of images are not tested'],
        ),
        ('train', [CONFIG, '--launcher', 'pytorch'], 'use --gpus N'),
        (
            'train',
            [CONFIG, '--cfg-options', 'val_evaluator=None'],
            ['has val_dataloader, val_cfg, but no val_evaluator', 'all to None'],
        ),
    ],
)
def test_what_is_no_run(tool, words, said, tmp_path, refused, monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    refused(
        f'tools/{tool}.py',
        *words[: 1 if tool == 'train' else 2],
        '--work-dir',
        tmp_path,
        *words[1 if tool == 'train' else 2 :],
        said=said,
    )


@pytest.mark.parametrize(
    'text, said',
    [
        (
            "custom_hooks = [dict(type='EarlyStoppingHook', monitor='froc/recall@1.0')]",
            ['monitor froc/recall@1.0', "rule='greater'"],
        ),
        ("custom_hooks = [dict(type='NoHook')]", ['NoHook is not in the']),
        (
            "model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(reduktion='sum'))))",
            [
                'model.roi_head.bbox_head.loss_cls.reduktion: RoIFocalLoss has no such setting',
                'it has alpha, gamma, loss_weight',
            ],
        ),
    ],
)
def test_hooks_and_losses(text, said, child, small, refused):
    refused('tools/train.py', child(text), *small(), said=said)


def test_weights_on_a_network(child, small, refused):
    path = child(
        'model = dict(backbone=dict(init_cfg=dict(_delete_=True, '
        "type='Pretrained', checkpoint='torchvision://resnet34')))"
    )
    refused(
        'tools/train.py',
        path,
        *small(),
        said=[
            'model.backbone.init_cfg.checkpoint: torchvision://resnet34',
            'checkpoints/resnet34-',
            'init_cfg=None',
        ],
    )


def test_classes_of_data_that_has_two(two_kinds, small, refused):
    classes = [
        f"{part}_dataloader.dataset.metainfo.classes=('mass','calcification')"
        for part in PARTS
    ]
    refused(
        'tools/train.py',
        CONFIG,
        *small(*classes, root=two_kinds),
        said=['train_dataloader.dataset has 2 (mass, calcification)', f'{HEADS} is 1'],
    )
    refused(
        'tools/train.py',
        CONFIG,
        *small(
            classes[0],
            "val_dataloader.dataset.other_classes=('calcification',)",
            root=two_kinds,
        ),
        said=['val_dataloader.dataset has 1 (mass)', 'has 2 (mass, calcification)'],
    )
    refused(
        'tools/train.py',
        CONFIG,
        *small('train_dataloader.dataset.other_classes=()', root=two_kinds),
        said="categories ['calcification'] are not in classes",
    )


@pytest.mark.parametrize(
    'text, said',
    [
        (
            'model = dict(data_preprocessor=dict(num_channels=3))',
            ['the images have 3 channels', 'expects 1', 'in_channels of the backbone'],
        ),
        (
            'model = dict(backbone=dict(in_channels=3))',
            ['the images have 1 channels', 'expects 3'],
        ),
        (
            "model = dict(data_preprocessor=dict(_delete_=True, type='mmdet."
            "DetDataPreprocessor', mean=[1, 2, 3], std=[1, 1, 1]))",
            ['mammo.MammogramDataPreprocessor'],
        ),
        (
            "default_hooks = dict(checkpoint=dict(save_best='froc/recall@9', "
            "rule='greater'))",
            ['the validation has no froc/recall@9; it has', 'froc/recall@1.0'],
        ),
    ],
)
def test_in_the_first_batches(text, said, child, small, run_tool):
    done = run_tool('tools/train.py', child(text), *small())
    last = done.err.strip().splitlines()[-1]
    assert done.returncode == 2 and last.startswith('error: '), done.err[-3000:]
    for text in said:
        assert text in last


def save_trained(config, path, classes=('mass',), **meta):
    """Save the random weights of a config as a training would."""
    cfg = Config.fromfile(ROOT / config)
    with DefaultScope.overwrite_default_scope('mammo'):
        state = MODELS.build(cfg.model).state_dict()
    torch.save(
        dict(state_dict=state, meta=dict(dataset_meta=dict(classes=classes), **meta)),
        path,
    )
    return path


def test_checkpoints_of_other_classes(
    phantom_root, two_kinds, tmp_path, small, refused, run_tool
):
    """A detector of masses must not report calcifications, nor be tested on them."""
    masses = save_trained(CONFIG, tmp_path / 'masses.pth', epoch=1, iter=6)
    names = (
        "test_dataloader.dataset.metainfo.classes=('calcification',)",
        "test_dataloader.dataset.other_classes=('mass',)",
    )
    said = [
        'masses.pth',
        'trained on 1 classes (mass)',
        'test_dataloader.dataset has 1 (calcification)',
    ]
    refused('tools/test.py', CONFIG, masses, *small(*names, root=two_kinds), said=said)
    refused(
        'tools/infer.py',
        CONFIG,
        masses,
        phantom_root / 'dicom',
        '--out',
        tmp_path / 'out',
        '--cfg-options',
        *names,
        said=said,
    )
    assert not (tmp_path / 'out/predictions.json').exists()
    refused(
        'tools/infer.py',
        CONFIG,
        masses,
        phantom_root / 'dicom',
        '--out',
        tmp_path / 'out',
        '--cfg-options',
        f'{HEADS}=3',
        said=[f'{HEADS} is 3', 'test_dataloader.dataset has 1 (mass)'],
    )
    names = [text.replace('test_', f'{part}_') for part in PARTS for text in names]
    refused(
        'tools/train.py',
        CONFIG,
        '--resume',
        masses,
        *small(*names, root=two_kinds),
        said=said[:2],
    )
    # fine-tuning may give the heads another meaning
    done = run_tool(
        'tools/train.py', CONFIG, *small(*names, f'load_from={masses}', root=two_kinds)
    )
    assert done.returncode == 0, done.err[-2000:]
    assert 'heads that fit start from its weights' in done.out + done.err


def test_resuming_what_is_longer_or_other(tmp_path, small, refused):
    longer = save_trained(CONFIG, tmp_path / 'longer.pth', epoch=12, iter=72)
    refused(
        'tools/train.py',
        CONFIG,
        '--resume',
        longer,
        *small(),
        said=['longer.pth: saved after 12 epochs', 'train_cfg.max_epochs is 1'],
    )
    refused(
        'tools/train.py',
        CONFIG,
        '--resume',
        tmp_path / 'no.pth',
        *small(),
        said='no.pth: no such checkpoint (--resume)',
    )


def test_a_training_that_diverges_stops(small, run_tool, tmp_path):
    done = run_tool(
        'tools/train.py',
        CONFIG,
        *small(
            'optim_wrapper.optimizer.lr=1e30',
            'param_scheduler=None',
            'optim_wrapper.clip_grad=None',
        ),
    )
    last = done.err.strip().splitlines()[-1]
    assert done.returncode == 2, done.err[-3000:]
    assert last.startswith('error: the loss is not finite at iteration')
    for text in ('loss_rpn_bbox', '.dcm', 'learning rate'):
        assert text in last
    assert not list((tmp_path / 'work').glob('*.pth'))


def test_weights_that_find_nothing_because_they_are_nan(
    phantom_root, tmp_path, small, refused
):
    """Nothing found would read as a normal exam."""
    path = save_trained(CONFIG, tmp_path / 'a.pth')
    checkpoint = torch.load(path, weights_only=True)
    name = next(iter(checkpoint['state_dict']))
    checkpoint['state_dict'][name].view(-1)[0] = float('nan')
    torch.save(checkpoint, path)
    said = [f'a.pth: {name}: 1 of', 'use an earlier checkpoint']
    refused('tools/test.py', CONFIG, path, *small(), said=said)
    refused(
        'tools/infer.py',
        CONFIG,
        path,
        phantom_root / 'dicom',
        '--out',
        tmp_path / 'out',
        said=said,
    )
    refused('tools/train.py', CONFIG, '--resume', path, *small(), said=said)
    refused('tools/train.py', CONFIG, *small(f'load_from={path}'), said=said)


def test_resuming_runs_no_code(tmp_path, small, run_tool):
    trained = run_tool('tools/train.py', CONFIG, *small())
    assert trained.returncode == 0, trained.err[-2000:]
    path = tmp_path / 'work/epoch_1.pth'
    checkpoint = torch.load(path, weights_only=False)
    checkpoint['meta']['config'] = f"open('{tmp_path}/ran', 'w')"
    torch.save(checkpoint, path)
    for option in (['--resume'], ['--resume', str(path)]):
        done = run_tool(
            'tools/train.py',
            CONFIG,
            *option,
            *small('train_cfg.max_epochs=2', 'default_hooks.checkpoint_check=None'),
        )
        assert done.returncode == 0, done.err[-2000:]
    assert not (tmp_path / 'ran').exists()


def test_what_is_left_out_is_said_with_the_numbers(
    two_kinds, tmp_path, small, run_tool
):
    done = run_tool(
        'tools/test.py',
        CONFIG,
        save_trained(CONFIG, tmp_path / 'a.pth'),
        *small(
            "test_dataloader.dataset.other_classes=('calcification',)", root=two_kinds
        ),
    )
    assert done.returncode == 0, done.err[-2000:]
    said = done.out + done.err
    data = json.loads((two_kinds / 'annotations/test.json').read_text())
    left = sum(a['category_id'] == 2 for a in data['annotations'])
    assert left
    assert (
        f'Lesions of calcification ({left}) are dropped'
        in said.partition('Epoch(test)')[0]
    )
    froc = json.loads((tmp_path / 'work/test/froc.json').read_text())
    assert f'Lesions of calcification ({left}) are dropped' in froc['rule']
    assert froc['counts']['lesions'] == len(data['annotations']) - left


@pytest.mark.parametrize(
    'settings, said',
    [
        ([], 'validation uses the test part; do not choose anything by it'),
        (
            [
                "default_hooks.checkpoint.save_best='froc/recall@1.0'",
                'default_hooks.checkpoint.rule=greater',
            ],
            'default_hooks.checkpoint.save_best selects by the test part',
        ),
        (
            ["val_dataloader.dataset.ann_file='annotations/../annotations/train.json'"],
            'val_dataloader and train_dataloader both read',
        ),
    ],
)
def test_parts_that_share_a_file(settings, said, small, run_tool, monkeypatch):
    def from_cfg(cfg):
        raise ConfigError('far enough')

    monkeypatch.setattr('mmengine.runner.Runner.from_cfg', from_cfg)
    done = run_tool('tools/train.py', CONFIG, *small(*settings))
    assert 'warning: ' in done.err and said in done.err


def test_a_tuple_of_the_pipeline_stays_one(child, tmp_path, phantom_root, run_tool):
    """``Resize`` of mmcv takes no list for its scale."""
    path = child("""
test_dataloader = dict(dataset=dict(pipeline=[
    dict(type='SelectView', view='main'),
    dict(type='LoadMammogram'),
    dict(type='Resize', scale=(64, 128)),
    _base_.test_dataloader.dataset.pipeline.pack]))
""")
    done = run_tool(
        'tools/infer.py',
        path,
        save_trained(CONFIG, tmp_path / 'a.pth'),
        sorted((phantom_root / 'dicom').iterdir())[0],
        '--out',
        tmp_path / 'out',
    )
    assert done.returncode == 0, done.err[-2000:]
    assert (tmp_path / 'out/predictions.json').is_file()


def test_pixels_of_another_size_than_in_training(
    phantom_root, child, tmp_path, small, run_tool
):
    """Training images are enlarged threefold or more, where spacing is known."""
    pipeline = """[
    dict(type='SelectView', view='main'),
    dict(type='LoadMammogram'),
    dict(type='Resize', scale=(192, 384), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    _base_.test_dataloader.dataset.pipeline.pack]"""
    path = child(f'train_dataloader = dict(dataset=dict(pipeline={pipeline}))')
    done = run_tool('tools/train.py', path, *small())
    assert done.returncode == 0, done.err[-2000:]
    checkpoint = tmp_path / 'work/epoch_1.pth'
    trained = torch.load(checkpoint, weights_only=False)['meta']['pixel_size_mm']
    data = json.loads((phantom_root / 'annotations/train.json').read_text())
    spacing = {tuple(image['pixel_spacing_mm']) for image in data['images']}
    ((row, column),) = spacing
    # crops are of 128 x 64 pixels at most
    assert row == column and row / 8 < trained < row / 3 * 1.02
    said = "a pixel of the network's input is"
    exam = sorted((phantom_root / 'dicom').iterdir())[0]
    for warned in (True, False):
        tested = run_tool('tools/test.py', path, checkpoint, *small())
        assert tested.returncode == 0, tested.err[-2000:]
        assert (said in tested.out + tested.err) == warned
        out = tmp_path / f'out_{warned}'
        run_tool('tools/infer.py', path, checkpoint, exam, '--out', out)
        views = json.loads((out / 'predictions.json').read_text())['exams'][0]['views']
        assert all(
            any(said in text for text in view['warnings']) == warned for view in views
        )
        child(
            '\n'.join(
                f'{part}_dataloader = dict(dataset=dict(pipeline={pipeline}))'
                for part in ('train', 'test')
            )
        )


@pytest.mark.parametrize(
    'folds, said',
    [
        (
            [dict(checkpoint='no.pth', ann_file='{ann}')],
            'model.out_of_fold[0].checkpoint: no',
        ),
        (
            [dict(checkpoint='{ckpt}', ann_file='no.json')],
            'model.out_of_fold[0].ann_file: no',
        ),
        ([dict(checkpoint='{ckpt}', ann_file='{ann}')] * 2, 'held out by'),
        ([dict(checkpoint='{ckpt}', ann_file='{test}')], '6 of 6 patients of'),
    ],
)
def test_folds_are_looked_at_before_the_training(phantom_root, tmp_path, folds, said):
    (tmp_path / 'a.pth').touch()
    names = dict(
        ckpt=tmp_path / 'a.pth',
        ann=phantom_root / 'annotations/train.json',
        test=phantom_root / 'annotations/test.json',
    )
    folds = [
        {key: value.format(**names) for key, value in fold.items()} for fold in folds
    ]
    cfg = Config(
        dict(
            model=dict(type='MommiNet', out_of_fold=folds),
            train_dataloader=dict(
                dataset=dict(
                    type='ExamDataset',
                    data_root=str(phantom_root),
                    ann_file='annotations/train.json',
                )
            ),
        )
    )
    with pytest.raises(ConfigError, match=re.escape(said)):
        check_out_of_fold(cfg)
