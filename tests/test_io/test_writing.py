"""JSON is written whole or not at all."""

import errno
import json
import os
import subprocess
import time

import pytest

from mammo_plugins.io import (
    Entries,
    atomic_path,
    file_error,
    temporary_folder,
    write_json,
    writing,
)
from mammo_plugins.io.writing import remove_leftovers


def test_round_trip_keeps_the_order_of_keys(tmp_path):
    obj = {'z': [1, 2.5, None], 'a': {'y': 'é', 'b': True}}
    write_json(tmp_path / 'a.json', obj)
    text = (tmp_path / 'a.json').read_text(encoding='utf-8')
    assert list(json.loads(text)) == ['z', 'a'] and json.loads(text) == obj
    assert 'é' in text and text.endswith('}\n')


def test_same_object_same_bytes(tmp_path):
    for name in 'ab':
        write_json(tmp_path / name, {'x': 0.1})
    assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()


@pytest.mark.parametrize('entries', [[], [1], [{'a': ['x\n', {}]}, [], 'é"']])
def test_entries_that_come_one_by_one_are_a_list(tmp_path, entries):
    """The bytes are those of the list, and they may be gone through again."""
    made = Entries(lambda: iter(entries))
    for name, value in (('list', entries), ('entries', made), ('again', made)):
        write_json(tmp_path / name, {'é': {'a': [1]}, 'exams': value, 'z': value})
    texts = [(tmp_path / name).read_text() for name in ('list', 'entries', 'again')]
    assert texts[0] == texts[1] == texts[2] and json.loads(texts[1])['z'] == entries


def test_an_entry_that_fails_leaves_the_old_file(tmp_path):
    write_json(tmp_path / 'a.json', {'old': 1})
    with pytest.raises(ValueError):
        write_json(tmp_path / 'a.json', {'a': Entries(lambda: iter([1, float('nan')]))})
    assert os.listdir(tmp_path) == ['a.json']
    assert json.loads((tmp_path / 'a.json').read_text()) == {'old': 1}


def test_temporary_folders_of_killed_processes_are_removed(tmp_path, monkeypatch):
    """Those of processes that run, and what is not ours, stay."""
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    process = subprocess.Popen(['true'])
    process.wait()
    names = [f'mammo-{writing._place()}-{pid}-x1' for pid in (process.pid, os.getpid())]
    others = [f'mammo-{"0" * 12}-{process.pid}-x2', 'mammo-a-b-c']
    for name in (*names, *others):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'pixels').write_text('')
    writing._clear_folders_once.cache_clear()
    with temporary_folder() as folder:
        (folder / 'pixels').write_text('')
        assert folder.parent == tmp_path
        assert not (tmp_path / names[0]).exists()
    assert sorted(os.listdir(tmp_path)) == sorted([names[1], *others])


@pytest.mark.parametrize(
    'obj, error',
    [
        ({'x': float('nan')}, ValueError),
        ({'x': float('inf')}, ValueError),
        ({'x': object()}, TypeError),
    ],
)
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path, obj, error):
    path = tmp_path / 'a.json'
    write_json(path, {'old': 1})
    with pytest.raises(error):
        write_json(path, obj)
    assert os.listdir(tmp_path) == ['a.json']
    assert json.loads(path.read_text()) == {'old': 1}


def test_failure_while_renaming_leaves_nothing(tmp_path, monkeypatch):
    def fail(source, target):
        # Only within one folder is a rename sure to be atomic.
        assert os.path.dirname(source) == os.path.dirname(target) == str(tmp_path)
        raise OSError('disk full')

    monkeypatch.setattr(os, 'replace', fail)
    with pytest.raises(OSError, match='disk full'):
        write_json(tmp_path / 'a.json', {})
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name == 'nt', reason='POSIX permissions')
def test_permissions_follow_the_umask(tmp_path):
    (tmp_path / 'plain').touch()
    write_json(tmp_path / 'a.json', {})
    modes = {os.stat(tmp_path / name).st_mode for name in os.listdir(tmp_path)}
    assert len(modes) == 1


def test_missing_folder_is_made(tmp_path):
    write_json(tmp_path / 'a/b/c.json', {'k': 1})
    assert json.loads((tmp_path / 'a/b/c.json').read_text()) == {'k': 1}


@pytest.mark.parametrize(
    'error, said',
    [
        (
            OSError(errno.ENOSPC, 'No space left on device'),
            'cannot be written: No space',
        ),
        (OSError(errno.EFBIG, 'File too large'), 'cannot be written: File too large'),
        (OSError(errno.EDQUOT, 'Disk quota exceeded'), 'cannot be written: Disk quota'),
        (PermissionError(errno.EACCES, 'Permission denied'), 'Permission denied'),
        (OSError(errno.EROFS, 'Read-only file system'), 'Read-only file system'),
        (ConnectionResetError(errno.ECONNRESET, 'reset'), None),
        (OSError('of a library, without number'), None),
        (ValueError('other'), None),
    ],
)
def test_what_a_user_is_told_of_the_file_system(tmp_path, error, said):
    """With the file, which a full disk does not tell."""
    try:
        with atomic_path(tmp_path / 'a.pth'):
            raise error
    except Exception as caught:
        line = file_error(caught)
    if said is None:
        assert line is None
    else:
        assert line.startswith(f'{tmp_path / "a.pth"}: {said}')
    assert os.listdir(tmp_path) == []


def test_a_device_that_is_full():
    with pytest.raises(OSError) as error, open('/dev/full', 'wb', buffering=0) as file:
        file.write(b'x')
    assert 'cannot be written' in file_error(error.value)


def leave(folder, count=1):
    """Let a process die while it writes, so that temporary files stay."""
    pid = os.fork()
    if not pid:
        for k in range(count):
            atomic_path(folder / f'{k}.json').__enter__().write_text('half')
        os._exit(0)
    os.waitpid(pid, 0)
    return [name for name in os.listdir(folder) if name.endswith('.tmp')]


def test_what_a_dead_process_has_left_is_removed_and_told(tmp_path, caplog):
    (tmp_path / 'with space').mkdir()
    folder = tmp_path / 'with space'
    others = {'.a.json.0123.tmp', 'a.tmp', '.mammo-x-1-y.tmp'}
    for name in others:
        (folder / name).touch()
    assert len(set(leave(folder, 2)) - others) == 2
    write_json(folder / 'a.json', {})
    assert set(os.listdir(folder)) == others | {'a.json'}
    assert caplog.messages == [
        f'{folder}: 2 temporary files of a killed process removed'
    ]
    write_json(folder / 'b.json', {})
    assert len(caplog.messages) == 1


def test_what_is_being_written_stays(tmp_path):
    """Of a living process, of this one, and of a machine that cannot be seen."""
    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if not pid:
        with atomic_path(tmp_path / 'theirs.json') as temporary:
            temporary.write_text('{}')
            os.write(ready[1], b'.')
            os.read(go[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    with atomic_path(tmp_path / 'ours.json') as ours:
        ours.write_text('{}')
        elsewhere = tmp_path / f'.mammo-{"0" * 12}-99999999-{"0" * 32}.tmp'
        elsewhere.touch()
        assert remove_leftovers(tmp_path) == 0
        old = time.time() - 25 * 3600
        os.utime(elsewhere, (old, old))
        assert remove_leftovers(tmp_path) == 1
    os.write(go[1], b'.')
    assert os.waitpid(pid, 0)[1] == 0
    assert sorted(os.listdir(tmp_path)) == ['ours.json', 'theirs.json']


def test_the_longest_name_and_one_that_is_no_utf_8(tmp_path):
    for name in ['n' * 250 + '.json', os.fsdecode(b'\xff\xfe.json')]:
        write_json(tmp_path / name, {'file': name})
        assert json.loads((tmp_path / name).read_bytes()) == {'file': name}
