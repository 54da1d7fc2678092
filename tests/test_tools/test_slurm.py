"""The scripts for Slurm, and the job of the docs, with a made srun and sbatch."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from mammo_plugins.apis.config_loading import load_config

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / 'tools/slurm_train.sh'


def run(tmp_path, *arguments, script=SCRIPT, **environment):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\necho "$MASTER_PORT" >&2\n')
    srun.chmod(0o755)
    environment = dict(
        os.environ, PATH=f'{tmp_path}:{os.environ["PATH"]}', **environment
    )
    return subprocess.run(
        [script, *arguments], env=environment, text=True, capture_output=True
    )


def test_what_srun_is_asked_for(tmp_path):
    done = run(
        tmp_path,
        'gpu',
        'mass',
        'c.py',
        'out dir',
        '--resume',
        '--cfg-options',
        'a=1',
        GPUS='16',
        SRUN_ARGS='--qos high',
    )
    words = done.stdout.splitlines()
    assert words == [
        '-p',
        'gpu',
        '--job-name=mass',
        '--gres=gpu:8',
        '--ntasks=16',
        '--ntasks-per-node=8',
        '--cpus-per-task=5',
        '--kill-on-bad-exit=1',
        '--qos',
        'high',
        'python',
        '-u',
        str(SCRIPT.parent / 'train.py'),
        'c.py',
        '--work-dir',
        'out dir',
        '--launcher',
        'slurm',
        '--resume',
        '--cfg-options',
        'a=1',
    ]


def test_what_it_is_asked_for_by_a_test(tmp_path):
    script = SCRIPT.with_name('slurm_test.sh')
    done = run(
        tmp_path,
        'gpu',
        'mass',
        'c.py',
        'a b.pth',
        '--work-dir',
        'out',
        script=script,
        GPUS='4',
        CPUS_PER_TASK='3',
    )
    assert done.stdout.splitlines() == [
        '-p',
        'gpu',
        '--job-name=mass',
        '--gres=gpu:4',
        '--ntasks=4',
        '--ntasks-per-node=4',
        '--cpus-per-task=3',
        '--kill-on-bad-exit=1',
        'python',
        '-u',
        str(script.parent / 'test.py'),
        'c.py',
        'a b.pth',
        '--launcher',
        'slurm',
        '--work-dir',
        'out',
    ]
    assert 20000 <= int(done.stderr) < 40000


def test_jobs_on_one_node_take_a_port_each(tmp_path):
    ports = {int(run(tmp_path, 'gpu', 'mass', 'c.py', 'out').stderr) for _ in range(5)}
    assert len(ports) > 1 and all(20000 <= port < 40000 for port in ports)
    assert run(tmp_path, 'gpu', 'mass', 'c.py', 'out', PORT='29511').stderr == '29511\n'


def test_fewer_gpus_than_a_node_has(tmp_path):
    words = run(tmp_path, 'gpu', 'mass', 'c.py', 'out', GPUS='2').stdout.split()
    assert {'--gres=gpu:2', '--ntasks=2', '--ntasks-per-node=2'} <= set(words)


@pytest.mark.parametrize(
    'name, example',
    [
        ('slurm_train', 'slurm_train.sh gpu'),
        ('slurm_test', 'slurm_test.sh gpu'),
        ('slurm_infer', 'slurm_infer.sh gpu'),
        ('dist_train', 'dist_train.sh configs'),
        ('dist_test', 'dist_test.sh configs'),
    ],
)
def test_usage(tmp_path, name, example):
    script = SCRIPT.with_name(f'{name}.sh')
    done = run(tmp_path, 'gpu', script=script)
    assert done.returncode == 2
    for said in ('Usage: ', f'Example: {"GPUS=" * ("slurm" in name)}', example):
        assert said in done.stdout
    asked = run(tmp_path, '--help', script=script)
    assert (asked.returncode, asked.stdout) == (0, done.stdout)
    assert 'set -euo' not in done.stdout


@pytest.mark.parametrize(
    'name, words, given',
    [
        (
            'dist_train',
            ['c.py', '2', '--amp'],
            'train.py c.py --launcher pytorch --amp',
        ),
        ('dist_test', ['c.py', 'a.pth', '2'], 'test.py c.py a.pth --launcher pytorch'),
    ],
)
def test_processes_of_this_machine(tmp_path, name, words, given):
    script = SCRIPT.with_name(f'{name}.sh')
    alone = run(tmp_path, *words, script=script, PYTHON='echo').stdout
    assert alone.endswith(f'/tools/{given}\n') and '--nproc_per_node=2 ' in alone
    assert '--standalone' in alone and 'port' not in alone
    several = run(
        tmp_path,
        *words,
        script=script,
        PYTHON='echo',
        NNODES='2',
        NODE_RANK='1',
        MASTER_ADDR='a',
        PORT='7',
    ).stdout
    assert (
        '--nnodes=2 --node_rank=1 --master_addr=a --master_port=7 '
        '--nproc_per_node=2 ' in several
    )


@pytest.fixture
def sbatch(tmp_path):
    """A made sbatch, which runs one task of the array by a made python."""
    for name, text in (
        (
            'sbatch',
            'printf "%s\\n" "$@" > said\nfor last; do :; done\n'
            'SLURM_ARRAY_TASK_ID=2 sh -c "${last#--wrap=}"',
        ),
        ('python', 'printf "%s\\n" "$@" > ran'),
    ):
        (tmp_path / name).write_text(f'#!/bin/sh\n{text}\n')
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_an_array_job_does_parts_of_an_archive(sbatch):
    script = SCRIPT.with_name('slurm_infer.sh')
    subprocess.run(
        [
            script,
            'gpu',
            'archive',
            'c.py',
            'a b.pth',
            'i.jsonl',
            "out's",
            '--figures',
            'none',
        ],
        cwd=sbatch,
        env=dict(
            os.environ,
            PATH=f'{sbatch}:{os.environ["PATH"]}',
            GPUS='4',
            SBATCH_ARGS='--time 8:00:00',
        ),
        check=True,
    )
    assert (sbatch / 'said').read_text().splitlines()[:-1] == [
        '-p',
        'gpu',
        '--job-name=archive',
        '--array=0-3',
        '--gres=gpu:1',
        '--cpus-per-task=5',
        '--requeue',
        '--open-mode=append',
        "--output=out's/part_%a.log",
        '--time',
        '8:00:00',
    ]
    assert (sbatch / 'ran').read_text().splitlines() == [
        '-u',
        str(script.parent / 'infer.py'),
        'c.py',
        'a b.pth',
        '--index',
        'i.jsonl',
        '--num-parts',
        '4',
        '--out',
        "out's/part_2",
        '--part-id',
        '2',
        '--figures',
        'none',
    ]


@pytest.fixture
def job(tmp_path):
    """The job of the docs, whose parts of Slurm write what they are asked for."""
    text = (ROOT / 'docs/how_to/slurm.md').read_text()
    (script,) = re.findall(r'```bash\n(#!/bin/bash\n.*?)```', text, re.S)
    path = tmp_path / 'job.sh'
    path.write_text(script)
    for name, then in (('srun', 'exec sleep 60'), ('scontrol', 'kill $(cat srun.pid)')):
        fake = tmp_path / name
        fake.write_text(
            f'#!/bin/sh\necho $$ > {name}.pid\necho $MASTER_PORT > port\n'
            f'printf "%s\\n" "$@" > {name}.tmp\nmv {name}.tmp {name}.said\n'
            f'{then}\n'
        )
        fake.chmod(0o755)
    return path


def test_the_job_of_the_docs_goes_on(job):
    """Its training resumes; five minutes before the end it is queued again."""
    folder = job.parent
    said = {name: folder / f'{name}.said' for name in ('srun', 'scontrol')}
    process = subprocess.Popen(
        ['bash', job],
        cwd=folder,
        env=dict(os.environ, PATH=f'{folder}:{os.environ["PATH"]}', SLURM_JOB_ID='7'),
    )
    deadline = time.time() + 60
    while not said['srun'].exists():
        assert time.time() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGUSR1)
    process.wait(timeout=60)
    assert said['scontrol'].read_text().split() == ['requeue', '7']
    assert (folder / 'port').read_text() == '20007\n'
    _, *words = said['srun'].read_text().split()
    assert words[:3] == ['python', '-u', 'tools/train.py']
    assert words[4:] == [
        '--work-dir',
        'work_dirs/mass',
        '--launcher',
        'slurm',
        '--auto-scale-lr',
        '--resume',
    ]
    assert load_config(str(ROOT / words[3])).auto_scale_lr.base_batch_size
    (log,) = re.findall('--output=(.*)/', job.read_text())
    assert log == words[5]  # its folder is made before
    assert '#SBATCH --requeue\n' in job.read_text()
