"""Counts of a task, against the annotation file."""

import json

TOOL = 'tools/analysis_tools/count_classes.py'


def test_counts_are_those_of_the_file(phantom_root, run_tool):
    done = run_tool(
        TOOL,
        'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py',
        '--cfg-options',
        *(
            f'{part}_dataloader.dataset.data_root={phantom_root}/'
            for part in ('train', 'val', 'test')
        ),
    )
    assert done.returncode == 0, done.err
    data = json.loads((phantom_root / 'annotations/train.json').read_text())
    train = done.out[done.out.index('train (') :].splitlines()
    numbers = dict(line.split() for line in train[1:5])
    assert numbers == dict(
        samples=str(len(data['images'])),
        images=str(len(data['images'])),
        patients=str(len({im['patient_id'] for im in data['images']})),
        mass=str(len(data['annotations'])),
    )


def test_no_data_is_one_clear_line(run_tool):
    done = run_tool(TOOL, 'configs/divf/divf-concatenate_r18_vindr.py')
    assert done.returncode == 2 and 'Traceback' not in done.err
    assert 'mammo convert' in done.err


def test_facts_of_a_data_set_are_no_task(run_tool):
    done = run_tool(TOOL, 'configs/_base_/datasets/vindr_breast.py')
    assert done.returncode == 2 and 'Traceback' not in done.err
    assert 'vindr_breast.py: no train' in done.err
    assert 'give a config of a training' in done.err
