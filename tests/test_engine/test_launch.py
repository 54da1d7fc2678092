"""The launcher of several processes, with a script that is no training."""

import signal
import time

import pytest


@pytest.fixture
def launch(tmp_path, start_tool):
    """Start the launcher with a script of its own, as ``python -m`` does."""

    def start(script, processes):
        path = tmp_path / 'script.py'
        path.write_text('import os, signal, sys, time\n' + script)
        return start_tool(
            'mammo_plugins/engine/launch.py',
            '--standalone',
            f'--nproc_per_node={processes}',
            path,
            tmp_path,
        )

    return start


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
def test_the_status_is_that_of_the_process(launch, script, status):
    ended = launch(script, 2 if 'RANK' in script else 1).wait(60)
    assert ended.returncode == status and 'Traceback' not in ended.stderr
    assert bool(status) == ('the reason is above' in ended.stderr)


@pytest.mark.parametrize(
    'number, status', [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_signals_reach_the_processes(launch, tmp_path, number, status):
    process = launch(
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
        assert process.runs and time.time() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    ended = process.wait(30)
    assert ended.returncode == status and 'Traceback' not in ended.stderr
    assert len(list(tmp_path.glob('got*'))) == 2
