import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = 'tools/dataset_converters/phantom.py'
SMALL = ['--exams', '2', '--size', '64', '32', '--split', '0.5', '0', '0.5']


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp('data') / 'phantom'
    return out, subprocess.run(
        [
            sys.executable,
            ROOT / TOOL,
            *SMALL,
            '--out',
            out,
            '--preview',
            '--density',
            'A',
        ],
        capture_output=True,
        text=True,
    )


def test_makes_the_data_set(made):
    out, done = made
    assert done.returncode == 0, done.stderr
    assert '2 exams written' in done.stdout
    assert 'exam/s' in done.stderr or 's/exam' in done.stderr  # progress
    assert (out / 'preview.png').is_file()
    for part in ('train', 'test'):
        data = json.loads((out / f'annotations/{part}.json').read_text())
        assert {i['density'] for i in data['images']} == {'A'}
        assert all((out / i['file_name']).is_file() for i in data['images'])


def test_once_more_does_nothing(made, run_tool):
    out, _ = made
    done = run_tool(TOOL, *SMALL, '--out', out, '--density', 'A')
    assert done.returncode == 0
    assert 'nothing to do' in done.out


def test_other_parameters_are_refused_in_one_line(made, run_tool):
    out, _ = made
    done = run_tool(TOOL, *SMALL, '--out', out, '--density', 'A', '--seed', '9')
    assert done.returncode == 2
    assert 'seed=0 (now requested: 9)' in done.err
    assert 'Traceback' not in done.err


@pytest.mark.parametrize(
    'wrong, named',
    [
        (['--split', '0.5', '0', '0.1'], '--split'),
        (['--prevalence', '2'], 'prevalence'),
        (['--missing-views', '1'], '--missing-views'),
        (['--exams', '0'], '--exams'),
        (['--size', '8', '8'], 'size'),
        (['--density', 'E'], '--density'),
    ],
)
def test_mistakes_are_named_without_a_traceback(tmp_path, wrong, named, run_tool):
    done = run_tool(TOOL, *SMALL, '--out', tmp_path / 'x', *wrong)
    assert done.returncode == 2
    assert named in done.err.splitlines()[-1]
    assert 'Traceback' not in done.err
    assert not (tmp_path / 'x').exists()


def test_help_ends_with_an_example(run_tool):
    done = run_tool(TOOL, '--help')
    assert done.returncode == 0
    assert 'example:' in done.out and '--exams 100' in done.out


def test_a_part_that_stays_empty_is_told(tmp_path, run_tool):
    done = run_tool(
        TOOL,
        '--exams',
        '2',
        '--size',
        '64',
        '32',
        '--split',
        '0.9',
        '0',
        '0.1',
        '--out',
        tmp_path / 'a',
    )
    assert done.returncode == 0, done.err
    assert not (tmp_path / 'a/annotations/test.json').exists()
    assert 'warning: --split: part test is empty' in done.err
    assert 'give it 0.5 or more' in done.err
