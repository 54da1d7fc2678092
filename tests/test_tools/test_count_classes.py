"""Counts of a task, against the annotation file."""
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return subprocess.run(
        [sys.executable, ROOT / 'tools/analysis_tools/count_classes.py',
         *map(str, arguments)], capture_output=True, text=True, cwd=ROOT)


def test_counts_are_those_of_the_file(phantom_root):
    config = ROOT / 'configs/_base_/datasets/phantom_detection.py'
    done = run(config, '--cfg-options', *(
        f'{part}_dataloader.dataset.data_root={phantom_root}/'
        for part in ('train', 'val', 'test')))
    assert done.returncode == 0, done.stderr
    data = json.loads((phantom_root / 'annotations/train.json').read_text())
    train = done.stdout[done.stdout.index('train ('):].splitlines()
    numbers = dict(line.split() for line in train[1:5])
    assert numbers == dict(
        samples=str(len(data['images'])), images=str(len(data['images'])),
        patients=str(len({im['patient_id'] for im in data['images']})),
        mass=str(len(data['annotations'])))


def test_no_data_is_one_clear_line():
    done = run('configs/_base_/datasets/vindr_breast.py')
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    assert 'tools/dataset_converters' in done.stderr
