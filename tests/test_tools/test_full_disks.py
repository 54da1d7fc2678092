"""A disk that is full or closed: one line with the path, from every command."""

import json
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from mammo_plugins.evaluation.functional import FROCData, ImageMatches, froc_summary
from mammo_plugins.io import write_json
from mammo_plugins.phantom import (
    PhantomConfig,
    PhantomDatasetConfig,
    write_phantom_dataset,
)

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'


@pytest.fixture(scope='module')
def inputs(tmp_path_factory):
    """Two exams, a checkpoint and figures of a test."""
    folder = tmp_path_factory.mktemp('inputs')
    phantom = PhantomConfig(
        size=(64, 32), prevalence=1.0, lesion_diameter_mm=(15.0, 25.0)
    )
    write_phantom_dataset(
        folder / 'phantom',
        PhantomDatasetConfig(exams=2, seed=3, split=(0.5, 0.0, 0.5), phantom=phantom),
    )
    matches = [ImageMatches(np.array([0.5]), np.array([0]), 1, i) for i in range(2)]
    write_json(
        folder / 'froc.json',
        froc_summary(FROCData.from_images(matches), 0.2, 'bbox', n_bootstrap=0),
    )
    return folder


def words_of(command, inputs, out):
    phantom = inputs / 'phantom'
    test = phantom / 'annotations/test.json'
    return {
        'phantom': [
            'tools/dataset_converters/phantom.py',
            '--exams',
            1,
            '--size',
            64,
            32,
            '--out',
            out,
        ],
        'generic': [
            'tools/dataset_converters/generic.py',
            phantom / 'dicom',
            '--workers',
            1,
            '--cache-dir',
            out / 'cache',
            '--out',
            out,
        ],
        'verify': [
            'tools/verify_dataset.py',
            test,
            '--workers',
            1,
            '--json',
            out / 'report.json',
        ],
        'bank': ['tools/build_lesion_bank.py', test, '--out', out / 'bank.npz'],
        'nipples': [
            'tools/locate_nipples.py',
            '--contour',
            test,
            '--out',
            out / 'nipples.json',
        ],
        'froc': [
            'tools/analysis_tools/plot_froc.py',
            inputs / 'froc.json',
            '--out',
            out / 'froc.png',
        ],
        'train': [
            'tools/train.py',
            CONFIG,
            '--work-dir',
            out,
            '--cfg-options',
            *(
                f'{part}_dataloader.{setting}'
                for part in ('train', 'val', 'test')
                for setting in (f'dataset.data_root={phantom}', 'num_workers=0')
            ),
        ],
        'cross_validate': [
            'tools/cross_validate.py',
            inputs / 'fold_1.py',
            '--work-dir',
            out,
        ],
    }[command]


COMMANDS = (
    'phantom',
    'generic',
    'verify',
    'bank',
    'nipples',
    'froc',
    'train',
    'cross_validate',
)


@pytest.fixture
def run(inputs, run_tool, monkeypatch):
    monkeypatch.setattr('mmengine.runner.runner.collect_env', dict)
    for fold in (1, 2):
        folder = inputs / f'phantom/annotations/fold_{fold}'
        folder.mkdir(exist_ok=True)
        for part in ('train', 'test'):
            shutil.copy(inputs / f'phantom/annotations/{part}.json', folder)
    (inputs / 'fold_1.py').write_text(f"""_base_ = {str(ROOT / CONFIG)!r}
{
        ''.join(
            f'''
{part}_dataloader = dict(dataset=dict(
    data_root={str(inputs / 'phantom')!r},
    fold=1, ann_file='annotations/fold_{{fold}}/' +
    '{'train' if part == 'train' else 'test'}.json'))
'''
            for part in ('train', 'val', 'test')
        )
    }
""")

    def run(command, out):
        done = run_tool(*words_of(command, inputs, out))
        assert done.returncode == 2, done.err[-2000:]
        assert 'Traceback' not in done.out + done.err
        return done.err.strip().splitlines()[-1]

    return run


@pytest.mark.parametrize('command', COMMANDS[:-1])  # the last runs others
def test_a_full_disk(command, run, tmp_path):
    """Files that end early, as on a full disk; nothing half is left."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    out = tmp_path / 'out'
    out.mkdir()
    # to read a config takes temporary files of its size
    limit = 20_000 if command == 'train' else 10
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        last = run(command, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 'error: ' in last and str(out) in last and 'cannot be written' in last
    assert not list(out.rglob('.*.tmp'))
    for path in out.rglob('*.json'):
        json.loads(path.read_text())


@pytest.mark.parametrize('command', COMMANDS)
def test_a_place_that_cannot_be_written(command, run, tmp_path):
    """Whoever runs it: below a file there is no folder."""
    (tmp_path / 'file').write_text('of somebody')
    last = run(command, tmp_path / 'file/out')
    assert 'error: ' in last and str(tmp_path / 'file') in last
    assert (tmp_path / 'file').read_text() == 'of somebody'
