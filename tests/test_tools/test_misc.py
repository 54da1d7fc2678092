"""tools/misc: a config as it is merged, and data as the network gets them."""
import json

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mammo_plugins.registry import DATASETS

CONFIG = 'configs/disasym/disasymnet_phantom.py'


def test_a_config_is_printed_as_it_is_merged(run_tool, tmp_path):
    done = run_tool('tools/misc/print_config.py', CONFIG, '--save-path',
                    tmp_path / 'merged.py', '--cfg-options',
                    'train_dataloader.dataset.pipeline.insert=None')
    assert done.returncode == 0, done.err
    printed = Config.fromstring(done.out, '.py')
    merged = Config.fromfile(tmp_path / 'merged.py')
    assert printed.to_dict() == merged.to_dict()
    expected = Config.fromfile(CONFIG)
    assert expected.train_dataloader.dataset.pipeline.insert is not None
    expected.train_dataloader.dataset.pipeline.insert = None
    assert {key: printed[key] for key in expected} == expected.to_dict()


def test_unknown_settings_are_told(run_tool):
    done = run_tool('tools/misc/print_config.py', CONFIG, '--cfg-options', 'modl.asyd=3')
    assert done.returncode == 2 and 'did you mean model' in done.err


@pytest.fixture
def options(phantom_root):
    return [f'{part}_dataloader.dataset.{key}' for part in ('train', 'test')
            for key in (f'data_root={phantom_root}',)] + [
                'train_dataloader.dataset.pipeline.insert=None',
                'train_dataloader.dataset.pipeline.load.transforms.image.cache_dir=None',
                'test_dataloader.dataset.pipeline.load.transforms.image.cache_dir=None']


def test_pictures_are_what_the_network_gets(run_tool, tmp_path, options, assert_private):
    done = run_tool('tools/misc/browse_dataset.py', CONFIG, '-o', tmp_path / 'out',
                    '--phase', 'test', '-n', 2, '--cfg-options', *options)
    assert done.returncode == 0, done.err
    assert '4 pictures' in done.out
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(dict(option.split('=') for option in options))
    settings = cfg.test_dataloader.dataset
    settings.pipeline.load.transforms.image.cache_dir = None
    with DATASETS.switch_scope_and_registry('mammo'):
        dataset = DATASETS.build(settings)
    listed = json.loads((tmp_path / 'out/samples.json').read_text())
    assert [entry['file'] for entry in listed] == [
        f'0000{i}_{side}.png' for i in range(2) for side in 'RL']
    boxes = 0
    for i in range(2):
        packed = dataset[i]
        for side in 'RL':
            picture = cv2.imread(str(tmp_path / f'out/0000{i}_{side}.png'),
                                 cv2.IMREAD_UNCHANGED)
            assert picture.dtype == np.uint16 and picture.shape == (96, 48, 3)
            grey = (picture == picture[..., :1]).all(axis=-1)
            image = packed['inputs'][side][0].numpy()
            np.testing.assert_allclose(picture[..., 0][grey] / 65535, image[grey],
                                       atol=0.6 / 65535)
            found = packed['data_samples'].get(side).gt_instances
            boxes += len(found)
            # lines where there are lesions, and nowhere else
            for x1, y1, x2, y2 in found.bboxes.tensor.round().int().tolist():
                assert not grey[y1:y2 + 1, min(x1, 47)].any()
            assert grey.all() == (len(found) == 0)
    assert boxes
    assert_private(tmp_path / 'out')


def test_more_than_8_bits_are_kept(tmp_path):
    from mammo_plugins.visualization.inputs import write_input
    ramp = np.linspace(0, 1, 65536).reshape(1, 256, 256)
    write_input(ramp, None, tmp_path / 'a.png')
    picture = cv2.imread(str(tmp_path / 'a.png'), cv2.IMREAD_UNCHANGED)
    assert len(np.unique(picture)) == 65536


def test_stages_and_parts_that_are_not_there(run_tool, tmp_path, phantom_root):
    done = run_tool('tools/misc/browse_dataset.py', 'configs/mamminet_v2_phantom.py',
                    '-o', tmp_path, '--stage', 'warm-up')
    assert done.returncode == 2 and "'warm-up'" in done.err
    done = run_tool('tools/misc/browse_dataset.py',
                    'configs/blending/blending-gan_phantom.py', '-o', tmp_path,
                    '--phase', 'test')
    assert done.returncode == 2 and 'no data loader for test' in done.err
