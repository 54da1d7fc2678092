"""tools/analysis_tools/cam_ceiling.py on phantom pairs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mammo_cli.main import main
from mammo_plugins.apis.cam_ceiling import knowing_map

ROOT = Path(__file__).parents[2]


def run(*words):
    main(['cam-ceiling', *map(str, words)])


@pytest.mark.parametrize('seed', range(3))
def test_a_map_that_knows(seed):
    """Shares by a loop, upsampled as the network's maps are."""
    lesions = np.random.default_rng(seed).random((24, 16)) < 0.2
    grid = (3, 4)
    shares = torch.zeros(1, 1, *grid)
    for y in range(24):
        for x in range(16):
            shares[0, 0, y // 8, x // 4] += lesions[y, x] / 32
    expected = F.interpolate(shares, (24, 16), mode='bilinear')[0, 0]
    np.testing.assert_allclose(knowing_map(lesions, grid), expected.numpy(), atol=1e-6)


def test_figures_of_a_finer_grid_are_better(phantom_root, capsys):
    data = f'test_dataloader.dataset.data_root={phantom_root}'
    config = ROOT / 'configs/disasym/disasymnet_phantom.py'
    found = []
    for more, said in (
        ((), 'maps of 12 x 6 places, receptive field 227 pixels'),
        (
            ('model.asyc.encoder.strides=1,1,1,1',),
            'maps of 24 x 12 places, receptive field 139 pixels',
        ),
    ):
        run(config, '--cfg-options', data, *more)
        out = capsys.readouterr().out
        assert 'images of 96 x 48 pixels' in out and said in out
        line = out.splitlines()[-1]
        assert 'max_hit' in line and 'n_abnormal' in line
        found.append(float(line.partition(' iou ')[2].partition(',')[0]))
    assert 0.1 < found[0] < found[1] < 1


def test_other_configs_are_refused(capsys):
    with pytest.raises(SystemExit):
        run(ROOT / 'configs/divf/divf-concatenate_r18_phantom.py')
    assert 'expected a config of DisAsymNet' in capsys.readouterr().err
