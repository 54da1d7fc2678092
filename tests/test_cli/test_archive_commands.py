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
        (['exam', '--root', '.'], '--root: needs --index'),
        (['--index', 'a', '--root', 'nowhere'], '--root nowhere: no such folder'),
        (['--index', 'a', '--part-id', '1'], '--part-id 1: expected 0 to 0'),
        (['--index', 'a', '--num-parts', '0'], '--num-parts 0: expected at least 1'),
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


def test_an_archive_that_is_not_mounted(phantom_root, tmp_path, run_tool):
    """No part and no merge of it ends as if all were well; mounted again it goes on."""
    root, index = tmp_path / 'archive', tmp_path / 'exams.jsonl'
    shutil.copytree(phantom_root / 'dicom/phantom_0001', root / 'exam')
    checkpoint = write_checkpoint(tmp_path / 'a.pth')
    run_tool('tools/index.py', root, '--out', index, '--workers', 1)
    root.rename(tmp_path / 'elsewhere')
    words = ['--index', index, '--num-parts', 2, '--figures', 'none', '--workers', 0]
    codes = []
    for part in (0, 1):
        out = tmp_path / f'part_{part}'
        options = ['--part-id', part, '--out', out, '--device', 'cpu']
        done = run_tool('tools/infer.py', CONFIG, checkpoint, *words, *options)
        codes.append(done.returncode)
        assert not (out / 'predictions.json').exists()
    (part,) = [i for i, code in enumerate(codes) if code]  # the other has no exam
    assert 'no exam that can be used; the reasons are above' in codes[part]
    parts = [tmp_path / 'part_0', tmp_path / 'part_1']
    merge = ['tools/merge.py', *parts, '--index', index, '--out', tmp_path / 'all']
    done = run_tool(*merge)
    assert 'no exam with a usable view' in str(done.returncode)
    assert (
        '1 exam without a usable view' in done.out and '\n0 exams: ' in f'\n{done.out}'
    )
    options = ['--part-id', part, '--out', parts[part], '--device', 'cpu']
    mounted = ['--root', tmp_path / 'elsewhere']
    done = run_tool('tools/infer.py', CONFIG, checkpoint, *words, *options, *mounted)
    assert done.returncode == 0 and '1 exam, 4 views' in done.out
    done = run_tool(*merge)
    assert done.returncode == 0 and done.out.startswith('1 exam: ')


@pytest.mark.parametrize(
    'words',
    [
        ['index', 'a'],
        ['report', 'a'],
        ['compare', 'a.json', 'b.json'],
        ['plot-froc', 'a.json'],
    ],
)
@pytest.mark.parametrize('out', ['.', '..', 'folder', 'new/'])
def test_a_folder_is_no_file_to_write(tmp_path, monkeypatch, words, out, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'folder').mkdir()
    with pytest.raises(SystemExit) as stop:
        main([*words, '--out', out])
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        f'error: --out {out}: is a folder; name a file to write\n'
    )
    assert [path.name for path in tmp_path.iterdir()] == ['folder']


def test_reasons_with_numbers_are_one_line(tmp_path, run_tool):
    for k in range(1, 6):
        (tmp_path / f'{k}.mhd').write_text('x')
    listed = tmp_path / 'list.txt'
    listed.write_text('1.mhd\n2.mhd\n\n# a comment\n../gone.dcm\n/gone/b.dcm \n3.mhd ')
    done = run_tool('tools/index.py', listed, '--out', tmp_path / 'a.jsonl')
    assert 'no exam that can be used' in str(done.returncode)
    assert done.out.splitlines()[1] == '5 of 5 files left out:'
    lines = [json.loads(line) for line in open(tmp_path / 'a.jsonl')]
    names = [line['file'] for line in lines if 'file' in line]
    assert sorted(names) == ['1.mhd', '2.mhd', '3.mhd', 'list.txt:5', 'list.txt:6']
