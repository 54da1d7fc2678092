"""NaFV-Net on contrast-enhanced and on ordinary exams in folders."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mammo_plugins.apis import ExamInferencer
from mammo_plugins.io import read_mammogram
from mammo_plugins.models import ExamSegmentor
from mammo_plugins.registry import MODELS

CONFIGS = Path(__file__).parents[3] / 'configs/nafv'


@MODELS.register_module(force=True)
class BrightestSegmentor(ExamSegmentor):
    """Takes for mass what is far brighter than the rest of the view."""

    def logits(self, inputs):
        return {
            name: 50 * (inputs[name] - 0.7 * inputs[name].amax((2, 3), True))
            for name in self.view_names
        }


def inferencer_of(name, folder):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    modality = cfg.model.segmentor.modality
    cfg.model.segmentor = dict(type='BrightestSegmentor', modality=modality)
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(cfg.model)
    path = folder / f'{name}.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return ExamInferencer(cfg, str(path), device='cpu')


@pytest.fixture
def folder(cem_root, tmp_path):
    shutil.copytree(sorted((cem_root / 'dicom').iterdir())[0], tmp_path / 'in/exam')
    return tmp_path / 'in'


def test_contrast_enhanced_exam(folder, tmp_path, assert_private):
    inferencer = inferencer_of('nafv-net_phantom', tmp_path)
    result = inferencer(folder, out_dir=tmp_path / 'out')
    assert json.loads((tmp_path / 'out/predictions.json').read_text()) == json.loads(
        json.dumps(result)
    )
    (entry,) = result['exams']
    assert 0 <= entry['malignancy'] <= 1 and entry['examined_side'] in 'RL'
    assert len(entry['views']) == 8
    outlined = [view for view in entry['views'] if 'masses' in view]
    assert len(outlined) == 4 and all(view['masses'] for view in outlined)
    for view in outlined:
        # in pixels of the file: what is outlined there is brighter than the rest
        pixels = read_mammogram(folder / view['file']).pixels
        assert view['modality'] == 'CEM-RC'
        mask = np.zeros(pixels.shape, np.uint8)
        for mass in view['masses']:
            outline = np.array(mass['outline'])
            x1, y1, x2, y2 = mass['bbox']
            assert (outline.min(axis=0) == (x1 + 0.5, y1 + 0.5)).all()
            assert (outline.max(axis=0) == (x2 - 0.5, y2 - 0.5)).all()
            cv2.fillPoly(mask, [np.floor(outline).astype(np.int32)], 1)
        inside = pixels[mask > 0].mean()
        assert inside > 0.6 * pixels.max() > pixels[mask == 0].mean()
    assert (entry['heat_map_class'] == 'malignant') == (entry['malignancy'] > 0.5)
    for key in ('figure', 'heat_map_figure'):
        picture = cv2.imread(str(tmp_path / 'out' / entry[key]))
        assert picture.std() > 5
        if key == 'figure':  # red outlines
            blue, green, red = np.moveaxis(picture.astype(int), -1, 0)
            assert ((red > 150) & (green < 90) & (blue < 90)).sum() > 50
    assert_private(tmp_path / 'out')


def test_exams_with_a_view_missing_are_listed(folder, tmp_path):
    inferencer = inferencer_of('nafv-net_phantom', tmp_path)
    gone = sorted((folder / 'exam').glob('*'))[0]
    gone.unlink()
    result = inferencer(folder, out_dir=tmp_path / 'out')
    assert not result['exams'] and len(result['skipped']) == 7
    assert all('the exam has no CEM-' in entry['reason'] for entry in result['skipped'])
    assert not (tmp_path / 'out').exists()


def test_ordinary_exam(phantom_root, tmp_path):
    shutil.copytree(sorted((phantom_root / 'dicom').iterdir())[0], tmp_path / 'in')
    inferencer = inferencer_of('nafv-net_ffdm_phantom', tmp_path)
    (entry,) = inferencer(tmp_path / 'in', out_dir=tmp_path / 'out')['exams']
    assert len(entry['views']) == 4 and all('masses' in v for v in entry['views'])
    assert (tmp_path / 'out' / entry['heat_map_figure']).is_file()
