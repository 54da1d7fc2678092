"""Pages for users with configs of their own: what they say is so."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from config_runs import CONFIGS
from mmengine.config import Config
from test_docs import ROOT, blocks

from mammo_plugins.apis.config_loading import load_config
from mammo_plugins.datasets.transforms import LoadMammogram
from mammo_plugins.registry import DATASETS, TRANSFORMS, VISUALIZERS

PAGE = 'docs/how_to/own_configs.md'


@pytest.fixture
def study(tmp_path, phantom_root, monkeypatch):
    """The files of the page, with the folders of this machine."""
    folder = tmp_path / 'my_study'
    folder.mkdir()
    child, parts, stretched = blocks(PAGE, 'python')
    child = child.replace('/data/phantom/', f'{phantom_root}/').replace(
        '/data/pixel_cache', str(tmp_path / 'cache')
    )
    (folder / 'baseline.py').write_text(child)
    for text in (parts, stretched):
        (folder / text.splitlines()[0].removeprefix('# ')).write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    TRANSFORMS.module_dict.pop('SquareRoot', None)
    sys.modules.pop('my_parts', None)


def loaded(config, part):
    with DATASETS.switch_scope_and_registry('mammo'):
        dataset = DATASETS.build(load_config(config)[f'{part}_dataloader'].dataset)
    return dataset[0]['inputs'].numpy()


def test_one_pixel_cache_wherever_one_stands(study, tmp_path, monkeypatch):
    first, other = study, tmp_path / 'other'
    other.mkdir()
    monkeypatch.chdir(first)
    for part in ('train', 'val', 'test'):
        loaded('baseline.py', part)
    made = sorted((tmp_path / 'cache').rglob('*.u16'))
    assert len(made) == 2  # of the training and of the test part
    monkeypatch.chdir(other)
    monkeypatch.setattr(LoadMammogram, '_read', lambda *_: pytest.fail('read again'))
    for part in ('train', 'val', 'test'):
        loaded(str(study / 'baseline.py'), part)
    assert sorted((tmp_path / 'cache').rglob('*.u16')) == made
    assert not [*other.iterdir()] and not (first / 'data').exists()


def test_a_relative_cache_is_of_the_folder_and_a_link_serves_it(
    study, tmp_path, monkeypatch
):
    text = (study / 'baseline.py').read_text()
    text = re.sub(r'.*cache_dir.*\n', '', text)
    (study / 'baseline.py').write_text(text)
    for name in ('one', 'two'):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        if name == 'two':
            Path('data').mkdir()
            (tmp_path / 'cache').mkdir()
            Path('data/pixel_cache').symlink_to(tmp_path / 'cache')
        loaded(str(study / 'baseline.py'), 'val')
    assert len([*(tmp_path / 'one/data/pixel_cache').rglob('*.u16')]) == 1
    assert len([*(tmp_path / 'cache').rglob('*.u16')]) == 1


def test_a_module_of_ones_own_is_found(study, monkeypatch):
    monkeypatch.chdir(study)
    np.testing.assert_allclose(
        loaded('square_root.py', 'val'),
        np.sqrt(loaded('baseline.py', 'val')),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    'name, place',
    [
        ('baselines/faster-rcnn_hrnetv2p-w8_phantom.py', 'image'),
        ('momminet/hrnet-pwfl_phantom.py', 'load'),
        ('momminet/nipple-detector_phantom.py', 'image'),
        ('momminet/malignancy_densenet_phantom.py', 'image'),
        ('divf/divf-concatenate_r18_phantom.py', 'load'),
        ('disasym/disasymnet_phantom.py', 'load'),
        ('nafv/nafv-net_phantom.py', 'load'),
        ('momminet/ipsidualnet-v2_phantom.py', 'load'),
    ],
)
def test_the_cache_is_where_the_page_says(name, place):
    pipeline = Config.fromfile(CONFIGS / name).val_dataloader.dataset.pipeline
    step = pipeline.image if place == 'image' else pipeline.load.transforms.image
    assert step.cache_dir == 'data/pixel_cache'


def test_the_configs_of_logging_are_right(tmp_path):
    """Each says where to log, and builds a visualizer that does."""
    first, several, hook = blocks('docs/how_to/logging.md', 'python')
    child = tmp_path / 'child.py'
    base = first.splitlines()[0]
    for text, number in ((first, 1), (f'{base}\n{several}{hook}', 3)):
        child.write_text(text)
        cfg = load_config(str(child))
        with VISUALIZERS.switch_scope_and_registry('mammo'):
            made = VISUALIZERS.build(
                dict(cfg.visualizer, name=str(number), save_dir=str(tmp_path))
            )
        assert len(made._vis_backends) == number
        assert cfg.default_hooks.visualization.type == 'MammogramVisualizationHook'
    assert cfg.default_hooks.visualization.num_samples == 8
    page = (ROOT / 'docs/how_to/logging.md').read_text()
    assert 'blue' in page and 'orange' in page
