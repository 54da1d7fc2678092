"""DisAsymNet on exams in folders, whole and with holes."""

import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from config_runs import row

from mammo_plugins.apis import ExamInferencer
from mammo_plugins.datasets import LoadMammogram
from mammo_plugins.datasets.transforms.geometric import resized
from mammo_plugins.registry import MODELS


def inferencer_of(name, folder):
    config = row('disasym', name)
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(config.model)
    for head in (model.asyc.abnormal_head, model.asyc.asymmetry_head):
        if head is not None:
            torch.nn.init.normal_(head.weight, std=3.0)
    path = folder / f'{name}.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return ExamInferencer(config, str(path), device='cpu')


@pytest.fixture(scope='module')
def inferencer(tmp_path_factory):
    return inferencer_of('asyc-asyd', tmp_path_factory.mktemp('disasym'))


@pytest.fixture
def folder(phantom_root, tmp_path):
    """An exam away from the truth of its phantom."""
    source = sorted((phantom_root / 'dicom').iterdir())[0]
    shutil.copytree(source, tmp_path / 'exam')
    return tmp_path / 'exam'


def by_hand(model, folder, view):
    """Probabilities of asymmetry, right and left."""
    size = (96, 48)  # of the phantom's config
    images = [
        torch.tensor(
            resized(LoadMammogram().load(str(folder / f'{side}_{view}.dcm'))[0], size)
        )[None, None]
        for side in 'RL'
    ]
    with torch.no_grad():
        found = model.classify(*images)
    return torch.cat([found.asymmetric, found.abnormal]).sigmoid().tolist()


def test_scores_and_a_picture_of_each_projection(
    inferencer, folder, tmp_path, assert_private
):
    result = inferencer(folder, out_dir=tmp_path / 'out')
    written = json.loads((tmp_path / 'out/predictions.json').read_text())
    assert written == json.loads(json.dumps(result))
    (entry,) = result['exams']
    assert 'figure' not in entry and 'breasts' not in entry
    assert [pair['view'] for pair in entry['pairs']] == ['CC', 'MLO']
    seen = {v['laterality'] + v['view']: v['abnormal'] for v in entry['views']}
    for pair in entry['pairs']:
        expected = by_hand(inferencer.model, folder, pair['view'])
        found = [pair['asymmetric'], *(seen[side + pair['view']] for side in 'RL')]
        assert found == pytest.approx(expected, abs=1e-4)
        picture = cv2.imread(str(tmp_path / 'out' / pair['figure']))
        assert picture.std() > 5
        assert pair['figure'] == f'{entry["exam_id"]}_{pair["view"]}.png'
    assert_private(tmp_path / 'out')


def test_a_missing_side(inferencer, folder, tmp_path):
    (folder / 'L_CC.dcm').unlink()
    (entry,) = inferencer(folder, out_dir=tmp_path / 'out')['exams']
    scores = {pair['view']: pair['asymmetric'] for pair in entry['pairs']}
    assert scores['CC'] is None and scores['MLO'] is not None
    assert len(entry['views']) == 3 and all('abnormal' in v for v in entry['views'])
    assert (tmp_path / 'out' / entry['pairs'][0]['figure']).is_file()


def test_without_decoder_or_asymmetry(folder, tmp_path):
    result = inferencer_of('resnet18', tmp_path)(folder, out_dir=tmp_path / 'out')
    (entry,) = result['exams']
    assert [pair['asymmetric'] for pair in entry['pairs']] == [None, None]
    assert np.ptp([view['abnormal'] for view in entry['views']]) > 0
