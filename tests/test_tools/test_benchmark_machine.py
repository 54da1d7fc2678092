"""All measurements of a machine: rows, and what becomes of parts that fail."""

import importlib.util
import json
import zipfile

import pytest

from mammo_cli.commands import benchmark_machine
from mammo_plugins.apis import machine_measurements

TOOL = 'tools/analysis_tools/benchmark_machine.py'


@pytest.mark.parametrize('part', ['fusion', 'small_networks', 'exams'])
def test_parts(part, tmp_path, run_tool):
    """As the processes do; those left out here differ by their configs alone."""
    done = run_tool(TOOL, '--small', '--here', '--parts', part, '--out', tmp_path)
    assert done.returncode == 0, done.err
    rows = [json.loads(line) for line in open(tmp_path / f'{part}.jsonl')]
    assert rows[0][0] == part and 'torch' in rows[0][1]
    assert len(rows) == dict(fusion=6, small_networks=5, exams=11)[part]
    assert not any('failed' in found for _, found in rows)
    if part == 'exams':
        told = dict(map(tuple, rows))
        assert told['exam, fp32, shared against naive'] == '0.0e+00'
        assert (
            told['exam, fp32, registered features'].split()[-1]
            < told['exam, fp32, tri-view, shared'].split()[-1]
        )  # operations beside the baseline's


def test_a_part_that_fails_leaves_the_others(tmp_path, monkeypatch):
    def fails(place):
        place.tell('before', '1 s')
        raise RuntimeError('out of memory\nand more')

    parts = dict(baseline=fails, data=lambda place: place.tell('data', '2 s'))
    monkeypatch.setattr(machine_measurements, 'PARTS', parts)
    machine_measurements.measure_parts(['baseline', 'data'], tmp_path, True)
    lines = benchmark_machine.table(tmp_path, ['baseline', 'data']).splitlines()
    assert [line.split('  ')[0] for line in lines] == [
        'baseline',
        'before',
        'baseline',
        'data',
        'data',
    ]
    assert lines[2].endswith('failed: RuntimeError: out of memory')


def test_processes_that_end_early_are_told(tmp_path, run_tool):
    done = run_tool(
        TOOL, '--small', '--limit', '0.2', '--parts', 'data', '--out', tmp_path / 'out'
    )
    assert done.returncode == 1
    assert 'data: not done after 0 s' in done.out


def test_wheels_that_are_not_there(tmp_path, run_tool):
    done = run_tool(TOOL, '--wheels', tmp_path, '--out', tmp_path / 'out')
    assert done.returncode != 0
    assert 'no requirements.txt in it; expected the folder' in done.err


@pytest.mark.skipif(
    importlib.util.find_spec('pip') is None, reason='Python without pip'
)
def test_wheels_are_installed_beside_the_rows(tmp_path):
    wheels, info = tmp_path / 'wheels', 'toy-1.0.dist-info'
    wheels.mkdir()
    with zipfile.ZipFile(wheels / 'toy-1.0-py3-none-any.whl', 'w') as wheel:
        wheel.writestr('toy.py', 'made = True')
        wheel.writestr(
            f'{info}/METADATA', 'Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n'
        )
        wheel.writestr(
            f'{info}/WHEEL',
            'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
        )
        wheel.writestr(f'{info}/RECORD', '')
    (wheels / 'requirements.txt').write_text('toy==1.0\n')
    target = benchmark_machine._install(wheels, tmp_path / 'out')
    assert (target / 'toy.py').read_text() == 'made = True'
