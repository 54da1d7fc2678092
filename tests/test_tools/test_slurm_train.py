"""tools/slurm_train.sh against a stand-in for srun."""
import os
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / 'tools/slurm_train.sh'


def run(tmp_path, *arguments, **environment):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\necho "$MASTER_PORT" >&2\n')
    srun.chmod(0o755)
    environment = dict(os.environ, PATH=f'{tmp_path}:{os.environ["PATH"]}',
                       **environment)
    return subprocess.run([SCRIPT, *arguments], env=environment, text=True,
                          capture_output=True)


def test_what_srun_is_asked_for(tmp_path):
    done = run(tmp_path, 'gpu', 'mass', 'c.py', 'out dir', '--resume',
               '--cfg-options', 'a=1', GPUS='16', SRUN_ARGS='--qos high')
    words = done.stdout.splitlines()
    assert words == [
        '-p', 'gpu', '--job-name=mass', '--gres=gpu:8', '--ntasks=16',
        '--ntasks-per-node=8', '--cpus-per-task=5', '--kill-on-bad-exit=1',
        '--qos', 'high', 'python', '-u', str(SCRIPT.parent / 'train.py'), 'c.py',
        '--work-dir', 'out dir', '--launcher', 'slurm', '--resume',
        '--cfg-options', 'a=1'
    ]


def test_jobs_on_one_node_take_a_port_each(tmp_path):
    ports = {int(run(tmp_path, 'gpu', 'mass', 'c.py', 'out').stderr) for _ in range(5)}
    assert len(ports) > 1 and all(20000 <= port < 40000 for port in ports)
    assert run(tmp_path, 'gpu', 'mass', 'c.py', 'out', PORT='29511').stderr == '29511\n'


def test_fewer_gpus_than_a_node_has(tmp_path):
    words = run(tmp_path, 'gpu', 'mass', 'c.py', 'out', GPUS='2').stdout.split()
    assert {'--gres=gpu:2', '--ntasks=2', '--ntasks-per-node=2'} <= set(words)


def test_usage(tmp_path):
    done = run(tmp_path, 'gpu')
    assert done.returncode == 2
    assert 'Usage: ' in done.stdout
