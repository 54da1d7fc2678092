"""MommiNet on exams in folders, whole and with holes."""

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch
from mmengine.config import Config

from mammo_plugins.apis import ExamInferencer, NippleLocator
from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.registry import MODELS

CONFIGS = Path(__file__).parents[3] / 'configs'
CONFIG = CONFIGS / 'mamminet_v2_phantom.py'


def untrained(config, path):
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(Config.fromfile(config).model)
    for name, parameter in model.named_parameters():
        if name.endswith('conv_logits.weight'):  # else the maps are flat
            torch.nn.init.normal_(parameter, std=3.0)
    torch.save(dict(state_dict=model.state_dict()), path)
    return str(path)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return untrained(CONFIG, tmp_path_factory.mktemp('tri_view') / 'a.pth')


@pytest.fixture(scope='module')
def inferencer(checkpoint):
    return ExamInferencer(CONFIG, checkpoint, device='cpu')


def views_of(folder):
    """The files of an exam by view."""
    found = {}
    for path in sorted(folder.glob('*.dcm')):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        side = header.get('ImageLaterality') or header.get('Laterality')
        found[side + header.ViewPosition] = path
    return found


@pytest.fixture
def exam(phantom_root, tmp_path):
    """An exam whose headers all tell the view."""
    for source in sorted((phantom_root / 'dicom').iterdir()):
        folder = tmp_path / 'exam'
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder)
        try:
            return folder, views_of(folder)
        except (AttributeError, TypeError):
            continue
    raise AssertionError('no phantom exam with all tags')


def test_masses_with_malignancy_in_file_pixels(inferencer, exam, tmp_path):
    folder, _ = exam
    result = inferencer(folder, tmp_path / 'out', score_thr=0.0)
    (entry,) = result['exams']
    assert (tmp_path / 'out' / entry['figure']).stat().st_size > 10000
    assert len(entry['views']) == 4
    for view in entry['views']:
        assert view['model_views'] == ['main', 'ipsilateral', 'bilateral']
        assert view['detections']
        for detection in view['detections']:
            x1, y1, x2, y2 = detection['bbox']
            assert 0 <= x1 < x2 <= view['width']
            assert 0 <= y1 < y2 <= view['height']
            assert 0 <= detection['malignancy'] <= 1
            assert detection['birads'] in ('1', '2', '3', '4A', '4B', '4C', '5', '6')


@pytest.mark.parametrize(
    'kept, expected',
    [
        (('RCC', 'RMLO'), ['main', 'ipsilateral']),
        (('RCC', 'LCC'), ['main', 'bilateral']),
        (('RCC',), ['main']),
    ],
)
def test_views_that_are_missing(inferencer, exam, kept, expected):
    folder, views = exam
    for name, path in views.items():
        if name not in kept:
            path.unlink()
    (entry,) = inferencer(folder)['exams']
    assert [view['model_views'] for view in entry['views']] == ([expected] * len(kept))


def test_pairs_that_cannot_be_registered_are_told(inferencer, exam):
    folder, views = exam
    image = pydicom.dcmread(views['LCC'])
    pixels = image.pixel_array
    background = (
        pixels[0, 0] if image.PhotometricInterpretation[-1] == '2' else (pixels.max())
    )
    empty = np.full_like(pixels, background)
    empty[60:63, 30:33] = pixels.max() - background  # a marker and no breast
    image.set_pixel_data(empty, image.PhotometricInterpretation, image.BitsStored)
    image.save_as(views['LCC'])
    (entry,) = inferencer(folder)['exams']
    by_name = {v['laterality'] + v['view']: v for v in entry['views']}
    assert any('without matching' in w for w in by_name['RCC']['warnings'])
    assert not any('without matching' in w for w in by_name['RMLO']['warnings'])


def test_a_nipple_detector_is_asked(checkpoint, exam, tmp_path, monkeypatch):
    config = CONFIGS / 'momminet/nipple-detector_phantom.py'
    locator = NippleLocator(config, untrained(config, tmp_path / 'n.pth'), device='cpu')
    asked = []
    monkeypatch.setattr(
        locator.model,
        'locate',
        lambda image, sample: asked.append(sample.img_shape) or (5.0, 6.0),
    )
    inferencer = ExamInferencer(
        CONFIG, checkpoint, device='cpu', nipple_locator=locator
    )
    seen = {}
    test_step = inferencer.model.test_step

    def spy(data):
        for sample in data['data_samples']:
            seen[sample.main.img_id] = (sample.main.nipple, sample.main.nipple_source)
        return test_step(data)

    monkeypatch.setattr(inferencer.model, 'test_step', spy)
    inferencer(exam[0])
    assert len(asked) == len(seen) == 4
    for nipple, source in seen.values():
        # the network works at the size of the canonical image here
        assert nipple == pytest.approx((5.0, 6.0), abs=0.01)
        assert source == 'detector'


def test_another_model_is_no_nipple_locator(checkpoint):
    with pytest.raises(ConfigError, match='expected a NippleDetector'):
        NippleLocator(CONFIG, checkpoint, device='cpu')
