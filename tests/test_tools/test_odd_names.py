"""Folders and files whose names are no UTF-8, or hold what no terminal shall get."""

import csv
import json
import os
import shutil

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mammo_plugins.registry import MODELS

CONFIG = 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
FOLDER, BAD = os.fsdecode(b'pati\xe9nte'), os.fsdecode(b'b\xe4d.dcm')


@pytest.fixture
def folder(phantom_root, tmp_path):
    """An exam in such a folder, and a file that cannot be read."""
    exam = min((phantom_root / 'dicom').iterdir())
    shutil.copytree(exam, tmp_path / 'raw' / FOLDER)
    (tmp_path / 'raw' / FOLDER / BAD).write_bytes(b'no image')
    return tmp_path / 'raw'


def sound(done):
    assert 'Traceback' not in done.out + done.err, done.err[-3000:]
    # printed escaped, never as bytes that no encoding has
    assert not any('\ud800' <= c <= '\udfff' for c in done.out + done.err)
    return done


def test_conversion_verification_and_training_data(folder, tmp_path, run_tool):
    root = tmp_path / 'root'
    done = sound(
        run_tool(
            'tools/dataset_converters/generic.py',
            folder,
            '--out',
            root,
            '--workers',
            1,
            '--cache-dir',
            tmp_path / 'cache',
            '--ratios',
            1,
            0,
            0,
        )
    )
    assert done.returncode == 0, done.err[-2000:]
    data = json.loads((root / 'annotations/train.json').read_bytes())
    assert len(data['images']) == 4
    for image in data['images']:  # the names lead to the files
        assert FOLDER in image['file_name'] and (root / image['file_name']).is_file()
    with open(root / 'skipped.csv', encoding='utf-8') as file:
        assert 'raw' in {row['item'] and 'raw' for row in csv.DictReader(file)}
    assert 'views' in (root / 'summary.md').read_text(encoding='utf-8')
    again = sound(
        run_tool(
            'tools/dataset_converters/generic.py',
            folder,
            '--out',
            root,
            '--workers',
            1,
            '--cache-dir',
            tmp_path / 'cache',
            '--ratios',
            1,
            0,
            0,
        )
    )
    assert again.returncode == 0
    checked = sound(
        run_tool(
            'tools/verify_dataset.py',
            root,
            '--check-pixels',
            '--workers',
            1,
            '--json',
            tmp_path / 'report.json',
        )
    )
    assert 'missing file' not in checked.out and 'unreadable file' not in checked.out


def test_inference(folder, tmp_path, run_tool):
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mammo'):
        state = MODELS.build(Config.fromfile(CONFIG).model).state_dict()
    torch.save(
        dict(state_dict=state, meta=dict(dataset_meta=dict(classes=('mass',)))),
        tmp_path / 'a.pth',
    )
    for by in ('study', 'folder'):
        out = tmp_path / os.fsdecode(b'r\xe9sults-' + by.encode())
        for _ in range(2):  # the second goes on with what is there
            done = sound(
                run_tool(
                    'tools/infer.py',
                    CONFIG,
                    tmp_path / 'a.pth',
                    folder,
                    '--out',
                    out,
                    '--group-by',
                    by,
                )
            )
            assert done.returncode == 0, done.err[-2000:]
        result = json.loads((out / 'predictions.json').read_bytes())
        assert len(result['exams']) == 1 and len(result['exams'][0]['views']) == 4
        assert [entry['file'].endswith(BAD) for entry in result['skipped']] == [True]
        assert len(list(out.glob('*.png'))) == 1
    assert '1 exam of this run done already' in done.out
