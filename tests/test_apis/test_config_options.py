"""How options and names of configs that are wrong are answered."""

from pathlib import Path

import pytest
from mmengine.config import Config

from mammo_plugins.apis.config_loading import ConfigError, load_config

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
NAFV = 'configs/nafv/nafv-net_phantom.py'


@pytest.fixture(autouse=True)
def _root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(
    'option, said',
    [
        (
            'train_dataloader.dataset.pipeline.order.0',
            'order is a list; set the whole list, such as '
            'train_dataloader.dataset.pipeline.order=[',
        ),
        (
            'train_dataloader.dataset.pipeline.order.load',
            'order is a list; set the whole list',
        ),
        (
            'train_dataloader.dataset.pipeline.order.99',
            'order is a list; set the whole list',
        ),
        ('train_dataloader.dataset.metainfo.classes.0', 'classes is a list'),
        (
            'param_scheduler.7.end',
            'param_scheduler is a list of 2; expected a number from '
            '0 to 1 after it, not 7',
        ),
        ('param_scheduler.end', 'expected a number from 0 to 1 after it, not end'),
        ('train_dataloader.batch_size.x', 'batch_size is 4, which has no settings'),
    ],
)
def test_options_within_what_is_no_part(option, said):
    with pytest.raises(ConfigError) as error:
        load_config(CONFIG, {option: 'image'})
    assert str(error.value).startswith(f'--cfg-options {option}: ')
    assert said in str(error.value) and 'object' not in str(error.value)


@pytest.mark.parametrize(
    'config, option, field',
    [
        # the first part above it that is none
        (
            'configs/blending/mask-rcnn_r50_inbreast.py',
            'train_dataloader.dataset.datasets.syntetic.data_root',
            'train_dataloader.dataset.datasets.syntetic',
        ),
        (
            NAFV,
            'train_dataloader.dataset.pipeline.load.transforms.rezise.scale',
            'train_dataloader.dataset.pipeline.load.transforms.rezise',
        ),
        (NAFV, 'train_dataloader.batch_siz', 'train_dataloader.batch_siz'),
        # what a stage has of its own
        (NAFV, 'train_cfg.stages.segmentation.train_dataloader.batch_siz', None),
        (
            NAFV,
            'train_cfg.stages.classification.val_evaluator.metrics.auk.prefix',
            'train_cfg.stages.classification.val_evaluator.metrics.auk',
        ),
        ('configs/mamminet_v2_phantom.py', 'train_dataloader.dataset.datarot', None),
    ],
)
def test_a_slip_that_stages_take_over_is_one(config, option, field):
    with pytest.raises(ConfigError) as error:
        load_config(config, {option: 3})
    assert str(error.value).startswith(f'--cfg-options {field or option}: ')
    assert 'more such settings' not in str(error.value)


def test_slips_of_a_config_with_stages(tmp_path):
    path = tmp_path / 'child.py'
    base = f'_base_ = {str(ROOT / NAFV)!r}\n'
    path.write_text(f'{base}train_dataloader = dict(batch_siz=3)\n')
    with pytest.raises(ConfigError) as error:
        load_config(str(path), {'train_dataloader.batch_size': 3})
    assert str(error.value).startswith(f'{path}: train_dataloader.batch_siz: ')
    assert 'more such settings' not in str(error.value)
    path.write_text(f'{base}train_dataloader = dict(batch_siz=3, num_worker=1)\n')
    with pytest.raises(ConfigError, match=r'\(and 1 more such settings\)'):
        load_config(str(path))


STEPS = 'select, image, annotations, resize, flip, intensity, filter, pack'
TESTED = 'select, image, resize, annotations, pack'


@pytest.mark.parametrize(
    'config, option, said',
    [
        (
            CONFIG,
            'train_pipeline.3.max_height',
            f'train_dataloader.dataset.pipeline.NAME (NAME is one of {STEPS})?',
        ),
        (
            CONFIG,
            'test_pipeline.resize.max_height',
            f'mean test_dataloader.dataset.pipeline.NAME (NAME is one of {TESTED})?',
        ),
        (CONFIG, 'val_pipeline', 'mean val_dataloader.dataset.pipeline.NAME (NAME'),
        (CONFIG, 'pipeline.3', 'mean train_dataloader.dataset.pipeline.NAME (NAME'),
        (
            NAFV,
            'train_pipeline.0',
            'load, load.transforms.image, load.transforms.masses, '
            'load.transforms.resize, register, pack',
        ),
        (
            'configs/blending/mask-rcnn_r50_inbreast.py',
            'train_pipeline.0',
            'train_dataloader.dataset.datasets.original.pipeline.NAME',
        ),
        (
            CONFIG,
            'data_root',
            'mean train_dataloader.dataset.data_root, val_dataloader.',
        ),
        (CONFIG, 'lr', 'did you mean optim_wrapper.optimizer.lr?'),
        (CONFIG, 'img_scale', 'the config has no such setting'),
    ],
)
def test_variables_of_mmdets_configs(tmp_path, config, option, said):
    """What a user of mmdet writes; steps go by name here."""
    with pytest.raises(ConfigError) as error:
        load_config(config, {option: 3})
    assert str(error.value).startswith(
        f'--cfg-options {option}: the config has no such'
    )
    assert said in str(error.value) and 'tta' not in str(error.value)
    name = option.partition('.')[0]
    if name == 'img_scale':
        return  # like nothing, which is a warning
    path = tmp_path / 'child.py'
    path.write_text(f'_base_ = {str(ROOT / config)!r}\n{name} = []\n')
    with pytest.raises(ConfigError) as error:
        load_config(str(path))
    assert f'{path}: {name}: it has no effect; did you mean' in str(error.value)
    assert said in str(error.value)


STAGES = 'there are ipsilateral, bilateral, fusion, malignancy'


@pytest.mark.parametrize(
    'key, value, said',
    [
        (
            'stages.fusions.max_epochs',
            3,
            f'no such stage; {STAGES}; did you mean fusion?',
        ),
        (
            'stages.warm.max_epochs',
            3,
            f'no such stage; {STAGES} (to add a stage, name it',
        ),
        ('order', ['ipsilateral', 'fusions'], "'fusions' is not in train_cfg.stages; "),
        ('order', 'fusion', "'fusion'; expected the names of all stages"),
        (
            'stages.fusion.trainble',
            ['head'],
            'no such setting; did you mean trainable?',
        ),
        ('stages.fusion.max_epochs', -1, '-1; expected an integer from 0'),
        (
            'max_epochs',
            3,
            'StagedTrainLoop has no such setting, a stage has: set train_c',
        ),
    ],
)
def test_names_of_stages(tmp_path, key, value, said):
    """The file or the option, the setting, and what there is."""
    base = 'configs/mamminet_v2_phantom.py'
    field = f'train_cfg.{key}'.replace('fusions.max_epochs', 'fusions').replace(
        'warm.max_epochs', 'warm'
    )
    with pytest.raises(ConfigError) as error:
        load_config(base, {f'train_cfg.{key}': value})
    assert str(error.value).startswith(f'--cfg-options {field}: ')
    assert said in str(error.value)
    *outer, last = key.split('.')
    text = ''.join(f'{name}=dict(' for name in outer)
    path = tmp_path / 'child.py'
    path.write_text(
        f'_base_ = {str(ROOT / base)!r}\ntrain_cfg = dict({text}'
        f'{last}={value!r}{")" * len(outer)})\n'
    )
    with pytest.raises(ConfigError) as error:
        load_config(str(path))
    assert str(error.value).startswith(f'{path}: {field}: ')
    assert said in str(error.value)


@pytest.mark.parametrize(
    'config, row',
    [
        ('nafv/nafv-net_dual-view', 'nafv-net_dual-view'),
        ('disasym/asyc', 'asyc'),
        ('nafv/nafv-net_no-cross-attention', 'no-cross-attention'),
        ('blending/mask-rcnn_r18_{}_no-prior', 'no-prior'),
        ('blending/blending-gan_no-prior', 'blending-gan_no-prior'),
        ('divf/divf-average_r34', 'divf-average_r34'),
        ('divf/divf-concatenate_r34_{}_synthesis-cutmix', 'synthesis-cutmix'),
        ('momminet/bidualnet-v2_concat-stage2', 'bidualnet_stage2'),
        ('momminet/mamminet-v2_binary', 'momminet_binary'),
        ('nafv/nafv_net', None),
        ('disasym/disasymnt', None),
        ('divf/cutmixed', None),
    ],
)
def test_configs_that_are_rows_of_an_ablation_now(config, row):
    whole = config if '{}' in config else config + '_{}'
    path = f'configs/{whole.format("phantom")}.py'
    ablation = str(Path(path).with_name('ablation.py'))
    with pytest.raises(ConfigError, match='no such config; ') as error:
        load_config(path)
    said = f'it is a row of {ablation} now: mammo ablate'
    if row is None:
        assert 'did you mean configs/' in str(error.value)
    else:
        assert str(error.value).endswith(f'{said} {ablation} --rows {row}')
        assert row in Config.fromfile(ablation).rows
