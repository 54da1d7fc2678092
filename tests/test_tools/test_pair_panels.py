"""tools/analysis_tools/pair_panels.py on phantom pairs."""

import json
from pathlib import Path

import cv2
import pytest
import torch
from mmengine.config import Config

from mammo_cli.main import main
from mammo_plugins.registry import MODELS

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/disasym/disasymnet_phantom.py'


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(Config.fromfile(CONFIG).model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'a.pth')
    return str(tmp_path / 'a.pth')


def run(*words):
    main(['pair-panels', *map(str, words)])


def test_asymmetric_pairs_are_drawn(phantom_root, checkpoint, tmp_path, capsys):
    data = json.loads((phantom_root / 'annotations/test.json').read_text())
    exams = {i['exam_id'] for i in data['images'] if i['abnormal']}
    assert exams
    run(
        CONFIG,
        checkpoint,
        '--out',
        tmp_path / 'pairs.png',
        '--device',
        'cpu',
        '--cfg-options',
        f'test_dataloader.dataset.data_root={phantom_root}',
    )
    assert f'{len(exams)} pairs' in capsys.readouterr().out
    picture = cv2.imread(str(tmp_path / 'pairs.png')).astype(int)
    blue, green, red = picture.transpose(2, 0, 1)
    assert picture.std() > 5
    assert (red - (blue + green) / 2 > 80).sum() > 50  # circles


def test_other_configs_are_refused(checkpoint, capsys):
    with pytest.raises(SystemExit):
        run(ROOT / 'configs/divf/divf-concatenate_r18_phantom.py', checkpoint)
    assert "expected 'pair'" in capsys.readouterr().err
