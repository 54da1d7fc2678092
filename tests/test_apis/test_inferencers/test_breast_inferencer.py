"""DIVF-Net on exams in folders, whole and with holes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mammo_plugins.apis import ExamInferencer
from mammo_plugins.datasets import LoadMammogram
from mammo_plugins.datasets.transforms.geometric import resized
from mammo_plugins.registry import MODELS

CONFIG = Path(__file__).parents[3] / 'configs/divf/divf-concatenate_r18_phantom.py'


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(Config.fromfile(CONFIG).model)
    torch.nn.init.normal_(model.head.fc.weight, std=3.0)
    path = tmp_path_factory.mktemp('divf') / 'divf.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return str(path)


@pytest.fixture(scope='module')
def inferencer(checkpoint):
    return ExamInferencer(CONFIG, checkpoint, device='cpu')


@pytest.fixture
def folder(phantom_root, tmp_path):
    """An exam, its files named by view."""
    source = sorted((phantom_root / 'dicom').iterdir())[0]
    shutil.copytree(source, tmp_path / 'exam')
    return tmp_path / 'exam'


def by_hand(model, files):
    """The probabilities of a breast's views, the examined one first."""
    images = []
    for path in files:
        image, _ = LoadMammogram().load(str(path))
        image = resized(image, (256, 128))
        images.append(torch.tensor((image - 0.3) / 0.2)[None, None])
    with torch.no_grad():
        low = [model.low_level(image) for image in images]
        found = []
        for k, own in enumerate(low):
            if len(low) == 2:
                own = own + model.fusion(own, low[1 - k])
            found.append(model.logits(model.high_level(own)).softmax(1)[0, 1].item())
    return found


def test_scores_of_breasts_and_views(inferencer, folder, tmp_path, assert_private):
    result = inferencer(folder, out_dir=tmp_path / 'out')
    written = json.loads((tmp_path / 'out/predictions.json').read_text())
    assert written == json.loads(json.dumps(result))
    (entry,) = result['exams']
    assert (tmp_path / 'out' / entry['figure']).is_file()
    assert [b['laterality'] for b in entry['breasts']] == ['L', 'R']
    seen = {v['laterality'] + v['view']: v for v in entry['views']}
    assert len(seen) == 4
    for breast in entry['breasts']:
        views = [seen[breast['laterality'] + v] for v in ('CC', 'MLO')]
        expected = by_hand(inferencer.model, [folder / v['file'] for v in views])
        assert [v['malignancy'] for v in views] == pytest.approx(expected, abs=1e-4)
        assert breast['malignancy'] == pytest.approx(np.mean(expected), abs=1e-4)
        assert all('detections' not in v for v in views)
    assert_private(tmp_path / 'out')


def test_a_missing_view(inferencer, folder):
    (folder / 'L_CC.dcm').unlink()
    (entry,) = inferencer(folder)['exams']
    (left,) = [b for b in entry['breasts'] if b['laterality'] == 'L']
    (alone,) = [v for v in entry['views'] if v['laterality'] == 'L']
    (expected,) = by_hand(inferencer.model, [folder / alone['file']])
    assert left['malignancy'] == pytest.approx(expected, abs=1e-4)
    assert left['malignancy'] == alone['malignancy']
