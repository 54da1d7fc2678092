"""A list that takes the place of what goes by name is told."""

from pathlib import Path

import pytest

from mammo_plugins.apis.config_loading import load_config

CONFIGS = Path(__file__).parents[2] / 'configs'
BASE = 'baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
NAFV = 'nafv/nafv-net_phantom.py'
STEPS = "[dict(type='LoadMammogram'), dict(type='PackDetInputs')]"
EXAMS = f"dict(type='ExamDataset', pipeline={STEPS})"
METRICS = "[dict(type='ROCMetric', class_names=('a', 'b'))]"


@pytest.fixture
def warned(tmp_path, capsys):
    """What is said of a config over a base."""

    def read(text, base=str(CONFIGS / BASE), name='child.py'):
        path = tmp_path / name
        path.write_text(f'_base_ = {base!r}\n{text}\n')
        load_config(str(path))
        return capsys.readouterr().err.replace(str(path), name)

    return read


@pytest.mark.parametrize(
    'base, text, field, names, kept',
    [
        (
            BASE,
            f'train_dataloader = dict(dataset=dict(pipeline={STEPS}))',
            'train_dataloader.dataset.pipeline',
            'select, image, annotations, resize, flip, intensity, filter, pack',
            'val_dataloader.dataset.pipeline and test_dataloader.dataset.pipeline keep theirs',
        ),
        (
            BASE,
            f"test_dataloader = dict(dataset=dict(type='DDSM', pipeline={STEPS}))",
            'test_dataloader.dataset.pipeline',
            'select, image, resize, annotations, pack',
            'train_dataloader.dataset.pipeline and val_dataloader.dataset.pipeline keep',
        ),
        (
            NAFV,
            f'train_dataloader = dict(dataset=dict(pipeline=dict(load=dict('
            f'transforms={STEPS}))))',
            'train_dataloader.dataset.pipeline.load.transforms',
            'image, masses, resize',
            'keep theirs',
        ),
        (
            NAFV,
            f'test_evaluator = dict(metrics={METRICS})',
            'test_evaluator.metrics',
            'malignancy, segmentation',
            '',
        ),
        (
            'blending/mask-rcnn_r50_inbreast.py',
            f'train_dataloader = dict(dataset=dict(datasets=[{EXAMS}]))',
            'train_dataloader.dataset.datasets',
            'original, synthetic',
            '',
        ),
    ],
)
def test_lists_over_names(warned, base, text, field, names, kept):
    said = warned(text, str(CONFIGS / base))
    assert said.startswith(
        f'warning: child.py: {field}: a list, in the place of all that '
        f'its base has there by name ({names})'
    )
    assert kept in said and said.count('warning') == 1
    inherited = warned('', './child.py', 'grandchild.py')
    assert inherited.count('warning') == 1 and f'child.py: {field}: a list' in inherited
    assert 'grandchild.py' not in inherited


@pytest.mark.parametrize(
    'base, text',
    [
        # the part is another one
        (
            BASE,
            "train_dataloader = dict(dataset=dict(_delete_=True, type='ExamDataset', "
            f"data_root='a', ann_file='b', pipeline={STEPS}))",
        ),
        (
            BASE,
            'train_dataloader = dict(_delete_=True, batch_size=2, sampler=dict('
            f"type='DefaultSampler'), dataset={EXAMS})",
        ),
        # it takes lists alone
        (
            BASE,
            f"train_dataloader = dict(dataset=dict(type='CocoDataset', pipeline={STEPS}))",
        ),
        (NAFV, f"test_evaluator = dict(type='Evaluator', metrics={METRICS})"),
        # names over names, a list over nothing
        (BASE, 'train_dataloader = dict(dataset=dict(pipeline=dict(intensity=None)))'),
        (
            BASE,
            'train_dataloader = dict(dataset=dict(pipeline=dict(intensity=dict('
            "_delete_=True, type='RandomApply', transforms=[dict(type='RandomIntensity')]))))",
        ),
    ],
)
def test_lists_that_are_meant(warned, base, text):
    assert not warned(text, str(CONFIGS / base))
