"""From an archive to one predictions.json: index, infer, merge, by their commands."""

import json
import shutil

import pytest
from archive_runs import CONFIG, write_checkpoint

from mammo_cli.main import main


def test_index_infer_and_merge(phantom_root, tmp_path, run_tool, assert_private):
    """Parts by commands are the folder's run; names below PATH are as they are."""
    root = tmp_path / 'archive'
    for number in (1, 2):
        shutil.copytree(
            phantom_root / f'dicom/phantom_000{number}', root / f'exam_{number}'
        )
    (root / 'readme.txt').write_text('no image')
    checkpoint = write_checkpoint(tmp_path / 'a.pth')
    index, out = tmp_path / 'exams.jsonl', tmp_path / 'out'
    done = run_tool('tools/index.py', root, '--out', index, '--workers', 1)
    assert done.returncode == 0
    assert done.out.splitlines()[:2] == [
        f'2 exams, 8 views: {index}',
        '1 of 9 files left out:',
    ]
    for part in (0, 1):
        done = run_tool(
            'tools/infer.py',
            CONFIG,
            checkpoint,
            '--index',
            index,
            '--num-parts',
            2,
            '--part-id',
            part,
            '--out',
            out / f'part_{part}',
            '--figures',
            'above=0.99',
            '--workers',
            0,
            '--device',
            'cpu',
        )
        assert done.returncode == 0, done.err
    parts = sorted(out.glob('part_*'))
    done = run_tool('tools/merge.py', *parts, '--index', index, '--out', out / 'all')
    assert done.returncode == 0 and '2 exams: ' in done.out
    assert '0 duplicates' in done.out and '0 exams missing' in done.out
    run_tool(
        'tools/infer.py',
        CONFIG,
        checkpoint,
        root,
        '--out',
        out / 'folder',
        '--figures',
        'none',
        '--device',
        'cpu',
    )
    merged, folder = (
        json.loads((out / name / 'predictions.json').read_text())
        for name in ('all', 'folder')
    )
    for key in ('exams', 'skipped', 'notes'):
        assert merged[key] == folder[key]
    assert_private(out, index.read_text(), ' '.join(map(str, out.rglob('*'))))
    done = run_tool('tools/merge.py', parts[0], '--index', checkpoint, '--out', 'x')
    assert done.returncode == 2 and 'make it again by mammo index' in done.err


@pytest.mark.parametrize(
    'words, said',
    [
        ([], 'give either a PATH or --index'),
        (['exam', '--index', 'a.jsonl'], 'give either a PATH or --index'),
        (['exam', '--num-parts', '2'], '--num-parts: needs --index'),
        (['exam', '--launcher', 'ray'], '--launcher: needs --index'),
        (['--index', 'a', '--part-id', '1'], '--part-id 1: expected 0 to 0'),
        (['--index', 'a', '--num-parts', '0'], '--part-id 0: expected'),
        (['--index', 'a', '--workers', '-1'], '--workers -1: expected at least 0'),
        (['--index', 'a', '--actors', '2'], '--actors: needs --launcher ray'),
        (['exam', '--figures', 'some'], '--figures some: expected none, all, or'),
        (['exam', '--figures', 'above=2'], '--figures above=2: expected none'),
        (['exam', '--figures', 'above=nan'], '--figures above=nan: expected none'),
        (['exam', '--figures', '0.5'], '--figures 0.5: expected none'),
    ],
)
def test_arguments_that_cannot_be(tmp_path, words, said, capsys):
    with pytest.raises(SystemExit) as stop:
        main(['infer', str(CONFIG), 'a.pth', *words, '--out', str(tmp_path / 'out')])
    assert stop.value.code == 2 and not (tmp_path / 'out').exists()
    assert capsys.readouterr().err.startswith(f'error: {said}')


def test_nothing_to_index(tmp_path, run_tool):
    done = run_tool('tools/index.py', tmp_path / 'nowhere', '--out', tmp_path / 'a')
    assert done.returncode == 2 and 'no such file or folder' in done.err
    done = run_tool('tools/index.py', tmp_path, '--out', tmp_path / 'a', '--workers', 0)
    assert done.returncode == 2 and '--workers 0: expected at least 1' in done.err
