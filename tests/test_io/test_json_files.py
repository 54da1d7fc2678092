"""Reading JSON that anybody may have written."""

import json
import os

import pytest

from mammo_plugins.io import JsonError, parse_json, read_json, write_json
from mammo_plugins.io.json_files import json_text

SOUND = {'a': [1, 2.5, -1e10, True, None], 'b\u00e9 [{"\\': 'x]}\\"', 'c': {'d': []}}


@pytest.mark.parametrize(
    'data',
    [
        json.dumps(SOUND).encode(),
        json.dumps(SOUND, indent=2, ensure_ascii=False).encode(),
        b'\xef\xbb\xbf' + json.dumps(SOUND).encode(),
    ],
)
def test_sound_files_are_read_as_the_library_reads_them(tmp_path, data):
    path = tmp_path / 'a.json'
    path.write_bytes(data)
    assert read_json(path) == SOUND


@pytest.mark.parametrize(
    'data, said',
    [
        (b'', 'empty'),
        (b' \n', 'empty'),
        (b'{"a": [1, 2', 'cut short'),
        (b'{"a": 1}}', 'Extra data'),
        ('{"a": 1}'.encode('utf-16'), 'UTF-16'),
        ('{"a": 1}'.encode('utf-16-le'), 'UTF-16'),
        ('{"a": 1}'.encode('utf-32'), 'UTF-32'),
        (b'{"a": "\xe9"}', 'byte 7 is not UTF-8'),
        (bytes(8), 'not a JSON file'),
        (b'[' * 100_000 + b']' * 100_000, 'nested more than 100 deep'),
        (b'{"a":' * 100_000 + b'1' + b'}' * 100_000, 'nested more than 100 deep'),
        (b'[' * 100_000, 'nested more than 100 deep'),
        (b'9' * 5000, 'thousands of digits'),
        (b'[1e999]', 'beyond all floats'),
        (b'[' + b'9' * 400 + b'.5]', 'beyond all floats'),
        (b'[-1' + b'0' * 400 + b'.0]', 'beyond all floats'),
        (b'[NaN]', 'NaN, which is not JSON'),
        (b'[-Infinity]', 'Infinity, which is not JSON'),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "key 'c' twice"),
        (b'{"a": "b\x1b"}', 'control character'),
    ],
)
def test_what_is_wrong_is_named(tmp_path, data, said):
    path = tmp_path / 'faulty.json'
    path.write_bytes(data)
    with pytest.raises(JsonError, match='faulty.json: not a JSON file') as error:
        read_json(path)
    assert said in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize(
    'deepest', ['[' * 100 + ']' * 100, '[' * 99 + '"' + '[{' * 200 + '\\""' + ']' * 99]
)
def test_a_hundred_levels_and_brackets_in_texts(deepest):
    assert parse_json(deepest) == json.loads(deepest)
    with pytest.raises(JsonError, match='nested'):
        parse_json(f'[[{deepest}]]')
    # brackets in a text do not hide them
    with pytest.raises(JsonError, match='nested'):
        parse_json('["' + ']' * 300 + '", ' + '[' * 150 + ']' * 150 + ']')


def test_pipes_and_missing_files(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(JsonError, match='pipe or a device'):
        read_json(tmp_path / 'pipe')
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / 'none.json')
    with pytest.raises(IsADirectoryError):
        read_json(tmp_path)


def test_names_that_are_not_utf_8_are_kept(tmp_path):
    name = os.fsdecode(b'exam_\xe9.dcm')
    write_json(tmp_path / 'a.json', {'file': name, 'other': 'é'})
    assert read_json(tmp_path / 'a.json') == {'file': name, 'other': 'é'}
    assert json_text(['é']) == '["é"]'
