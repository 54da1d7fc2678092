"""Lines that are there when they are written, and files that were cut short."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mammo_plugins.io import JsonLines


def test_lines_come_back_in_order(tmp_path):
    lines = JsonLines(tmp_path / 'new/a.jsonl')
    assert list(lines) == []
    objects = [{'a': 'é\u2028\n\udce9'}, {'z': [1, None], 'a': {}}, {'b': 0.1}]
    for i, obj in enumerate(objects, 1):
        lines.append(obj)
        assert list(lines) == objects[:i]
    lines.close()
    lines.append({'c': 'after'})
    again = JsonLines(tmp_path / 'new/a.jsonl')
    assert list(again) == [*objects, {'c': 'after'}] and again.damaged == 0


@pytest.mark.parametrize(
    'change',
    [
        lambda line: line.replace(b'0.25', b'0.26'),
        lambda line: line.replace(b'"e"', b'"f"'),
        lambda line: b'{"score": 0.25}',
        lambda line: b'[1]',
        lambda line: b'7',
        lambda line: b'null',
        lambda line: b'[' * 100_000,
        lambda line: line[:-3],
        lambda line: line.replace(b'{', b'{"more": 1, ', 1),
        lambda line: b'\xff' + line,
    ],
)
def test_lines_that_were_changed_are_passed_over_and_counted(tmp_path, change):
    lines = JsonLines(tmp_path / 'a.jsonl')
    objects = [{'exam': 'e', 'score': x} for x in (0.5, 0.25, 0.125)]
    for obj in objects:
        lines.append(obj)
    text = lines.path.read_bytes().splitlines()
    lines.path.write_bytes(b'\n'.join([text[0], change(text[1]), b'', text[2]]))
    assert list(lines) == [objects[0], objects[2]] and lines.damaged == 1


@pytest.mark.parametrize('kept', range(1, 110, 13))
def test_a_file_cut_anywhere_goes_on(tmp_path, kept):
    path = tmp_path / 'a.jsonl'
    lines = JsonLines(path)
    for obj in ({'exam': 1}, {'exam': 2}, {'exam': 3}):
        lines.append(obj)
    text = path.read_bytes()
    path.write_bytes(text[:kept])
    whole = []
    for line in text[:kept].decode().split('\n'):
        try:
            whole.append({'exam': json.loads(line)['exam']})
        except ValueError:
            pass
    again = JsonLines(path)
    assert list(again) == whole
    again.append({'exam': 9})
    assert list(again) == [*whole, {'exam': 9}]


def test_kill_9_loses_nothing(tmp_path):
    path = tmp_path / 'a.jsonl'
    program = (
        f'import importlib.util, os, signal\n'
        f'spec = importlib.util.spec_from_file_location("lines", '
        f'{str(Path(__file__).parents[2] / "mammo_plugins/io/json_lines.py")!r})\n'
        'lines = importlib.util.module_from_spec(spec)\n'
        'spec.loader.exec_module(lines)\n'
        f'kept = lines.JsonLines({str(path)!r})\n'
        'for i in range(50):\n    kept.append({"n": i})\n'
        'os.kill(os.getpid(), signal.SIGKILL)\n'
    )
    done = subprocess.run([sys.executable, '-c', program])
    assert done.returncode == -signal.SIGKILL
    assert list(JsonLines(path)) == [{'n': i} for i in range(50)]


def test_a_full_disk_names_the_file_and_what_follows_is_whole(tmp_path):
    path = tmp_path / 'a.jsonl'
    lines = JsonLines(path)
    lines.append({'a': 'first'})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, limits[1]))
    try:
        with pytest.raises(OSError) as error:
            lines.append({'a': 'x' * 50})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.filename == str(path)
    assert os.path.getsize(path) == 50
    lines.append({'a': 'second'})
    assert list(JsonLines(path)) == [{'a': 'first'}, {'a': 'second'}]
