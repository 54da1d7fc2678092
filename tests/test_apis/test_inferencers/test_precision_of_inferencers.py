"""Every system in bfloat16 beside float32."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mammo_plugins.apis import ExamInferencer
from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.registry import MODELS

CONFIGS = Path(__file__).parents[3] / 'configs'
SCORES = ('abnormal', 'asymmetric', 'malignancy', 'malignant', 'probability')


def untrained(config, path):
    """Weights by chance, of which scores spread from 0 to 1."""
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(Config.fromfile(config).model)
    for name, parameter in model.named_parameters():
        if name.endswith('conv_logits.weight'):  # else the maps are flat
            torch.nn.init.normal_(parameter, std=3.0)
        elif name.endswith(('head.weight', 'fc.weight', 'layers.1.fc.weight')):
            torch.nn.init.normal_(parameter, std=0.1)
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def scores_of(entry):
    """All scores of an exam but those of boxes, in order."""
    if isinstance(entry, list):
        return [score for each in entry for score in scores_of(each)]
    if not isinstance(entry, dict):
        return []
    return [
        score
        for key, value in sorted(entry.items())
        if key != 'detections'
        for score in (
            [value] if key in SCORES and value is not None else scores_of(value)
        )
    ]


@pytest.mark.parametrize(
    'config, root',
    [
        ('mamminet_v2_phantom.py', 'phantom_root'),
        ('blending/mask-rcnn_r18_phantom.py', 'phantom_root'),
        ('divf/divf-concatenate_r18_phantom.py', 'phantom_root'),
        ('disasym/disasymnet_phantom.py', 'phantom_root'),
        ('nafv/nafv-net_phantom.py', 'cem_root'),
    ],
)
def test_a_system_says_the_same(config, root, request, tmp_path):
    """Boxes of trained detectors are compared in tests/test_training."""
    path = CONFIGS / config
    folder = sorted((request.getfixturevalue(root) / 'dicom').iterdir())[0]
    weights = untrained(path, tmp_path / 'a.pth')
    results = [
        ExamInferencer(path, weights, device='cpu', precision=precision)(
            folder, tmp_path / precision
        )
        for precision in ('fp32', 'bf16')
    ]
    assert 'precision' not in results[0]['info']
    assert results[1]['info']['precision'] == 'bf16'
    (exact,), (half,) = (result['exams'] for result in results)
    boxes = [view.get('detections') for view in half['views']]
    if 'rcnn' in config or 'mamminet' in config:
        assert all(found is not None for found in boxes) and any(boxes)
    else:
        scores = scores_of(exact)
        assert len(scores) > 0
        assert scores_of(half) == pytest.approx(scores, abs=0.02)
        assert scores_of(half) != scores  # it is another number format
    assert results[0]['info']['run'] != results[1]['info']['run']


def test_results_of_both_do_not_mix(phantom_root, tmp_path):
    config = CONFIGS / 'divf/divf-concatenate_r18_phantom.py'
    weights = untrained(config, tmp_path / 'a.pth')
    folder = sorted((phantom_root / 'dicom').iterdir())[0]
    ExamInferencer(config, weights, device='cpu')(folder, tmp_path / 'out')
    half = ExamInferencer(config, weights, device='cpu', precision='bf16')
    with pytest.raises(ConfigError, match='results of another run'):
        half(folder, tmp_path / 'out')
