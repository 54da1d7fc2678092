"""Calibrating a model, and what infer, test, subgroups and compare make of it."""

import json

import pytest
import torch
from config_runs import CONFIGS
from mmengine.config import Config

from mammo_plugins.apis.calibration import Calibration
from mammo_plugins.registry import MODELS

CONFIG = CONFIGS / 'divf/divf-concatenate_r18_phantom.py'


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(Config.fromfile(CONFIG).model)
    torch.nn.init.normal_(model.head.fc.weight, std=3.0)
    path = tmp_path_factory.mktemp('calibrated') / 'epoch_1.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def options(root, work_dir):
    return [
        '--work-dir',
        work_dir,
        '--cfg-options',
        *(
            f'{part}_dataloader.dataset.data_root={root}'
            for part in ('train', 'val', 'test')
        ),
        *(f'{part}_dataloader.num_workers=0' for part in ('val', 'test')),
        'val_dataloader.dataset.ann_file=annotations/train.json',
        'test_dataloader.dataset.ann_file=annotations/train.json',
        'test_evaluator.n_bootstrap=20',
    ]


def test_from_the_validation_part_to_an_exam(
    checkpoint, phantom_root, tmp_path, run_tool, assert_private
):
    words = options(phantom_root, tmp_path / 'work')
    chosen = ['--operating-point', 'recall-rate=0.5']
    done = run_tool('tools/calibrate.py', CONFIG, checkpoint, *chosen, *words)
    assert done.returncode == 0, done.err
    path = checkpoint.with_suffix('.calibration.json')
    assert 'breasts.malignancy: ' in done.out and f'wrote {path}' in done.out
    assert 'warning: few cases: ' in done.out
    assert 'both read' in done.err  # here the part is that of training
    facts = json.loads(path.read_text())
    point = facts['operating_point']
    assert facts['part'] == [str(phantom_root / 'annotations/train.json')]
    assert point['recall_rate'] <= 0.5 and point['score'] == 'breasts.malignancy'
    again = run_tool('tools/calibrate.py', CONFIG, checkpoint, *chosen, *words)
    assert again.returncode == 0 and json.loads(path.read_text()) == facts

    out = tmp_path / 'out'
    exams = phantom_root / 'dicom'
    done = run_tool('tools/infer.py', CONFIG, checkpoint, exams, '--out', out)
    assert done.returncode == 0, done.err
    entries = json.loads((out / 'predictions.json').read_text())['exams']
    for entry in entries:
        highest = max(breast['malignancy'] for breast in entry['breasts'])
        recalled = highest >= point['threshold']
        assert entry['recall'] == dict(
            exam_score=highest, threshold=point['threshold'], recalled=recalled
        )
        said = 'recalled' if recalled else 'not recalled'
        assert f'{entry["exam_id"]}: {said}, score {highest:g}' in done.out
        assert all(0 < b['malignancy_calibrated'] < 1 for b in entry['breasts'])
    share = sum(entry['recall']['recalled'] for entry in entries)
    assert f'{share} of {len(entries)} exams recalled' in done.out

    done = run_tool('tools/test.py', CONFIG, checkpoint, *words)
    assert done.returncode == 0, done.err
    said = done.out + done.err
    assert 'recalled where breasts.malignancy >= ' in said
    assert 'which is tested; figures of calibrated scores' in said
    (file,) = [
        f for f in (tmp_path / 'work/test').glob('*.json') if 'recall' in f.read_text()
    ]
    found = json.loads(file.read_text())
    assert found['recall']['threshold'] == point['threshold']
    assert (
        found['calibrated']['brier']['value'] != found['calibration']['brier']['value']
    )
    assert file.with_name(f'{file.stem}_reliability.png').is_file()

    by = run_tool(
        'tools/analysis_tools/subgroups.py',
        file,
        phantom_root / 'annotations/train.json',
        *('--by', 'density', '--by', 'lesion_size_mm=20', '--calibration', path),
    )
    assert by.returncode == 0, by.err
    assert 'density:' in by.out and 'few cases' in by.out and 'sensitivity' in by.out
    other = run_tool(
        'tools/analysis_tools/subgroups.py',
        file,
        phantom_root / 'annotations/test.json',
        *('--by', 'density'),
    )
    assert other.returncode == 2 and 'was tested, not ' in other.err
    same = run_tool(
        'tools/analysis_tools/compare.py', file, file, '--out', tmp_path / 'c.json'
    )
    assert same.returncode == 0, same.err
    assert 'the same in both' in same.out and 'A - B 0.000' in same.out
    assert json.loads((tmp_path / 'c.json').read_text())['files'] == [str(file)] * 2
    assert_private(done.out, by.out, out, tmp_path / 'work/test', path.read_text())


def test_a_point_that_no_threshold_reaches(
    checkpoint, phantom_root, tmp_path, run_tool
):
    """The calibrated scores are kept, and what to do about the rest is told."""
    path = tmp_path / 'c.json'
    done = run_tool(
        'tools/calibrate.py',
        CONFIG,
        checkpoint,
        *('--operating-point', 'recall-rate=0.001', '--out', path),
        *options(phantom_root, tmp_path / 'work'),
    )
    assert done.returncode == 0, done.err
    assert (
        'warning: no threshold calls any exam at recall-rate 0.001; choose another '
        '--operating-point' in done.out
    )
    assert 'an exam is recalled if' not in done.out and f'wrote {path}' in done.out
    facts = json.loads(path.read_text())
    assert facts['operating_point'] is None
    assert facts['scores']['breasts.malignancy']['method'] == 'temperature'
    entry = dict(breasts=[dict(malignancy=0.5)])
    Calibration(facts, path).apply(entry)
    assert 'recall' not in entry and 'malignancy_calibrated' in entry['breasts'][0]


def test_another_checkpoint_is_refused(checkpoint, phantom_root, tmp_path, run_tool):
    """Before any exam is read; what there is to do is told."""
    other = tmp_path / 'other.pth'
    weights = torch.load(checkpoint)
    weights['state_dict']['head.fc.weight'] *= 2
    torch.save(weights, other)
    done = run_tool(
        'tools/calibrate.py',
        CONFIG,
        checkpoint,
        *('--out', other.with_suffix('.calibration.json')),
        *options(phantom_root, tmp_path / 'work'),
    )
    assert done.returncode == 0, done.err
    exam = next((phantom_root / 'dicom').iterdir())
    words = [CONFIG, other, exam, '--out', tmp_path / 'out']
    done = run_tool('tools/infer.py', *words)
    assert done.returncode == 2 and 'of other weights than other.pth' in done.err
    assert '--calibration none' in done.err and not (tmp_path / 'out').exists()
    done = run_tool('tools/infer.py', *words, '--calibration', 'none')
    assert done.returncode == 0 and 'recalled' not in done.out
    assert '_calibrated' not in (tmp_path / 'out/predictions.json').read_text()


@pytest.mark.parametrize(
    'words',
    [
        ['--operating-point', 'recall-rate'],
        ['--operating-point', 'specificity=1.2'],
        ['--operating-point', 'youden=1'],
        ['--operating-point', 'auc=0.5'],
        ['--out', 'calibration.txt'],
    ],
)
def test_wrong_usage(run_tool, words):
    done = run_tool('tools/calibrate.py', CONFIG, 'a.pth', *words)
    assert done.returncode == 2 and f'{words[0]} {words[1]}: expected' in done.err


def test_a_part_that_says_nothing(checkpoint, phantom_root, tmp_path, run_tool):
    """Of one class."""
    data = json.loads((phantom_root / 'annotations/test.json').read_text())
    for image in data['images']:
        image['pathology'] = 'benign'
        image['abnormal'] = True
    for lesion in data['annotations']:
        lesion['pathology'] = 'benign'
    file = tmp_path / 'benign.json'
    file.write_text(json.dumps(data))
    words = options(phantom_root, tmp_path / 'work')
    words[words.index('val_dataloader.dataset.ann_file=annotations/train.json')] = (
        f'val_dataloader.dataset.ann_file={file}'
    )
    done = run_tool(
        'tools/calibrate.py', CONFIG, checkpoint, '--out', tmp_path / 'c.json', *words
    )
    assert done.returncode == 2
    assert f'{file}: breasts.malignancy: 0 positive and ' in done.err
    assert not (tmp_path / 'c.json').exists()
