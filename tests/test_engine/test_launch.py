"""The launcher of several processes, with a script that is no training."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def launch(tmp_path, script, processes):
    path = tmp_path / 'script.py'
    path.write_text('import os, signal, sys, time\n' + script)
    return subprocess.Popen(
        [
            sys.executable,
            '-m',
            'mammo_plugins.engine.launch',
            '--standalone',
            f'--nproc_per_node={processes}',
            str(path),
            str(tmp_path),
        ],
        cwd=ROOT,
        text=True,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(
    'script, status',
    [
        (
            "sys.exit('error: no such file') if os.environ['RANK'] == '1' else time.sleep(60)",
            1,
        ),
        ('print("error: a mistake", file=sys.stderr); sys.exit(2)', 2),
        ('os.kill(os.getpid(), signal.SIGKILL)', 137),
        ('', 0),
    ],
)
def test_the_status_is_that_of_the_process(tmp_path, script, status):
    process = launch(tmp_path, script, 2 if 'RANK' in script else 1)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == status and 'Traceback' not in err
    assert bool(status) == ('the reason is above' in err)


@pytest.mark.parametrize(
    'number, status', [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_signals_reach_the_processes(tmp_path, number, status):
    process = launch(
        tmp_path,
        """
def end(number, frame):
    open(os.path.join(sys.argv[1], 'got' + os.environ['RANK']), 'w').close()
    sys.exit(128 + number)
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, end)
open(os.path.join(sys.argv[1], 'ready' + os.environ['RANK']), 'w').close()
time.sleep(60)
""",
        2,
    )
    deadline = time.time() + 60
    while len(list(tmp_path.glob('ready*'))) < 2:
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    err = process.communicate(timeout=30)[1]
    assert process.returncode == status and 'Traceback' not in err
    assert len(list(tmp_path.glob('got*'))) == 2
