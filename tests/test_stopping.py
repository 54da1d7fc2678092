"""Signals to real processes; the module is loaded alone, which takes no second."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mammo_plugins.stopping import worker_pool

MODULE = Path(__file__).parents[1] / 'mammo_plugins/stopping.py'
BEGIN = f"""
import importlib.util, os, signal, subprocess, sys, time
spec = importlib.util.spec_from_file_location('stopping', {str(MODULE)!r})
stopping = sys.modules['stopping'] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stopping)
stopping._AGAIN = 0.2
from stopping import run_child, stop_arrived, stoppable
"""
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def start(program, **options):
    """Start a program that says when it is ready."""
    process = subprocess.Popen(
        [sys.executable, '-c', BEGIN + program],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )
    said = process.stdout.readline().strip()
    assert said, process.communicate()
    time.sleep(0.1)  # to where it waits
    return process, said


def stop(program, *numbers, within=5, **options):
    """Return (status, stderr) of a program that gets signals."""
    process, _ = start(program, **options)
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.1)
    try:
        err = process.communicate(timeout=within)[1]
    finally:
        process.kill()
    assert 'Traceback' not in err
    return process.returncode, err


def alive(pid):
    try:
        # a zombie that nobody has waited for is dead
        return Path(f'/proc/{pid}/stat').read_text().split()[2] != 'Z'
    except OSError:
        return False


WAITING = """
with stoppable('bye'):
    print('ready', flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize('number', STATUS)
def test_every_signal_stops_alike(number):
    # whatever this process was started with, such as nohup
    before = signal.signal(number, signal.SIG_DFL)
    try:
        status, err = stop(WAITING, number)
    finally:
        signal.signal(number, before)
    assert status == STATUS[number]
    assert err.splitlines()[-1] == 'bye'


@pytest.mark.parametrize('ignored', [signal.SIGINT, signal.SIGHUP])
def test_signals_that_are_ignored_at_the_start(ignored):
    """Of a script's background job Ctrl-C is; it stops. nohup's SIGHUP does not."""
    before = signal.signal(ignored, signal.SIG_IGN)
    try:
        if ignored == signal.SIGINT:
            assert stop(WAITING, ignored)[0] == 130
        else:
            assert stop(WAITING, ignored, signal.SIGTERM)[0] == 143
    finally:
        signal.signal(ignored, before)


@pytest.mark.parametrize(
    'swallow',
    [
        # what a library does that means to catch any error
        """
    try:
        time.sleep(60)
    except:
        print('swallowed', file=sys.stderr)
""",
        """
    class Slow:
        def __del__(self):
            time.sleep(60)  # Python itself swallows what is raised here
    Slow()
""",
        """
    def callback(*args):
        time.sleep(60)
    import weakref
    class Thing: pass
    thing = Thing()
    reference = weakref.ref(thing, callback)
    del thing
""",
    ],
    ids=['bare except', '__del__', 'callback'],
)
def test_a_stop_that_was_swallowed_comes_again(swallow):
    program = f"""
with stoppable('bye'):
    print('ready', flush=True)
{swallow}
    time.sleep(60)
"""
    process, _ = start(program)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=5)[1]
    assert process.returncode == 130
    assert 'swallowed' in err or 'ignored' in err
    assert err.splitlines()[-1] == 'bye'


def test_swallowed_at_the_end_of_the_work():
    status, _ = stop(
        """
with stoppable('bye'):
    print('ready', flush=True)
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        pass
""",
        signal.SIGTERM,
    )
    assert status == 143


def test_an_error_that_follows_is_of_the_stop():
    """A worker that the same signal ended, for one."""
    status, err = stop(
        """
with stoppable('bye'):
    print('ready', flush=True)
    try:
        time.sleep(60)
    finally:
        raise RuntimeError('DataLoader worker is gone')
""",
        signal.SIGTERM,
    )
    assert (status, err.splitlines()[-1]) == (143, 'bye')


def test_an_error_before_is_not():
    process, _ = start("""
with stoppable('bye'):
    print('ready', flush=True)
    raise RuntimeError('of its own')
""")
    err = process.communicate(timeout=5)[1]
    assert process.returncode == 1 and 'RuntimeError: of its own' in err


FINISHING = """
with stoppable('bye'):
    print('ready', flush=True)
    try:
        time.sleep(60)
    finally:
        stop_arrived()
        time.sleep({seconds})
        print('finished', file=sys.stderr)
"""


def test_what_is_finished_is_not_disturbed():
    status, err = stop(FINISHING.format(seconds=0.8), signal.SIGTERM)
    assert status == 143 and err.splitlines()[-2:] == ['finished', 'bye']


def test_the_second_signal_ends_at_once():
    begin = time.time()
    status, err = stop(FINISHING.format(seconds=50), signal.SIGINT, signal.SIGINT)
    assert status == 130 and 'finished' not in err
    assert time.time() - begin < 5


@pytest.mark.parametrize(
    'deaf, numbers', [(False, [signal.SIGTERM]), (True, [signal.SIGINT, signal.SIGINT])]
)
def test_children_end_too(deaf, numbers):
    """By SIGTERM alone, as of a scheduler; a deaf one by the second signal."""
    child = (
        'import signal, time, os; '
        + 'signal.signal(signal.SIGTERM, signal.SIG_IGN); ' * deaf
        + 'print(os.getpid(), flush=True); time.sleep(60)'
    )
    process, pid = start(f"""
with stoppable('bye'):
    run_child([sys.executable, '-c', {child!r}])
    print('went on', file=sys.stderr)
""")
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.3)
    err = process.communicate(timeout=5)[1]
    assert process.returncode == STATUS[numbers[0]] and 'went on' not in err
    assert not alive(pid)


@pytest.mark.parametrize(
    'rank, lines', [({}, 1), ({'RANK': '0'}, 2), ({'RANK': '1'}, 1)]
)
def test_only_the_outer_command_writes_that_it_stops(rank, lines):
    """Of the processes of torchrun, which writes nothing, the first writes it."""
    child = (
        BEGIN
        + """
with stopping.ended_at_once():
    pass
with stoppable('child ended'):
    print('ready', flush=True)
    time.sleep(60)
"""
    )
    status, err = stop(
        f"""
with stoppable('bye'):
    run_child([sys.executable, '-c', {child!r}], env=dict(os.environ, **{rank}))
""",
        signal.SIGINT,
    )
    assert status == 130
    assert err.count('stopping; once more') == lines
    assert err.splitlines()[-2:] == ['child ended', 'bye']


def test_a_child_gets_one_signal():
    """A second one would end it at once, and leave its semaphores behind."""
    process, _ = start("""
class Child:
    def __init__(self, *args, **options):
        self.waited = False
    def send_signal(self, number):
        print('signal', int(number), file=sys.stderr)
    def poll(self):
        return None
    def wait(self):
        if not self.waited:
            self.waited = True
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
subprocess.Popen = Child
print('ready', flush=True)
with stoppable('bye'):
    run_child(['any'])
""")
    err = process.communicate(timeout=5)[1]
    assert err.count(f'signal {signal.SIGTERM:d}') == err.count('signal') == 1
    assert process.returncode == 130


def test_no_child_begins_after_a_stop():
    status, err = stop(
        """
with stoppable('bye'):
    print('ready', flush=True)
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        run_child([sys.executable, '-c', 'import sys; print("began", file=sys.stderr)'])
""",
        signal.SIGTERM,
    )
    assert status == 143 and 'began' not in err


def test_status_of_a_child():
    process, said = start("""
with stoppable('bye'):
    print(run_child([sys.executable, '-c', 'raise SystemExit(7)']), flush=True)
""")
    assert said == '7' and process.wait(5) == 0


def ends_within(pid, seconds):
    """Tell whether a process is gone in time; it is not left behind."""
    deadline = time.time() + seconds
    while alive(pid):
        if time.time() > deadline:
            os.kill(int(pid), signal.SIGKILL)
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize(
    'work',
    [
        'time.sleep(60)',
        # as a decoder or a regular expression that holds Python's lock
        pytest.param(
            'ctypes.PyDLL(None).sleep(60)',
            marks=pytest.mark.skipif(
                sys.platform != 'linux', reason='only Linux can end what never yields'
            ),
        ),
    ],
)
def test_workers_end_with_a_killed_parent(tmp_path, work):
    """kill -9, in the midst of their work."""
    program = tmp_path / 'pool.py'
    program.write_text(
        """
import ctypes, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
sys.path.insert(0, sys.argv[1])
from mammo_plugins.stopping import start_worker

def work(name):
    with open(name, 'w') as file:
        file.write(str(os.getpid()))
    {work}

if __name__ == '__main__':
    with ProcessPoolExecutor(1, get_context('spawn'), start_worker) as pool:
        pool.submit(work, sys.argv[2]).result()
""".replace('{work}', work)
    )
    note = tmp_path / 'pid'
    process = subprocess.Popen(
        [sys.executable, program, MODULE.parents[1], note], stderr=subprocess.DEVNULL
    )
    deadline = time.time() + 60
    while not (note.is_file() and note.read_text()):
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.1)
    os.kill(int(note.read_text()), signal.SIGINT)  # a terminal's reaches all
    time.sleep(0.2)
    assert alive(note.read_text())
    process.kill()
    process.wait()
    assert ends_within(note.read_text(), 5)


@pytest.mark.parametrize('number', STATUS)
def test_signals_before_the_work_end_a_command_at_once(number):
    status, err = stop(
        """
before = [signal.getsignal(number) for number in stopping._SIGNALS]
with stopping.ended_at_once():
    print('ready', flush=True)
    try:
        time.sleep(60)
    except BaseException:  # as libraries do while they are imported
        time.sleep(60)
""",
        number,
    )
    assert (status, err) == (STATUS[number], '\ninterrupted\n')


def test_handlers_are_as_before_after_a_command():
    process, _ = start("""
before = [signal.getsignal(number) for number in stopping._SIGNALS]
with stopping.ended_at_once():
    with stoppable():
        pass
    assert signal.getsignal(signal.SIGTERM) == stopping._end_at_once
print(before == [signal.getsignal(number) for number in stopping._SIGNALS], flush=True)
assert before == [signal.getsignal(number) for number in stopping._SIGNALS]
""")
    assert process.wait(10) == 0


@pytest.mark.parametrize('way', ['run_child', 'launch'])
def test_commands_end_with_a_killed_command(tmp_path, way):
    """A training with the cross-validation, or with the launcher, that started it."""
    tool, note = tmp_path / 'tool.py', tmp_path / 'pid'
    tool.write_text(f"""{BEGIN}
with stopping.ended_at_once():
    assert stopping.PARENT not in os.environ
    with open({str(note)!r}, 'w') as file:
        file.write(str(os.getpid()))
    time.sleep(60)
""")
    if way == 'run_child':
        process, _ = start(f"""
print('ready', flush=True)
run_child([sys.executable, {str(tool)!r}])
""")
    else:
        process = subprocess.Popen(
            [
                sys.executable,
                '-m',
                'mammo_plugins.engine.launch',
                '--standalone',
                '--nproc_per_node=1',
                str(tool),
            ],
            cwd=MODULE.parents[1],
            stderr=subprocess.DEVNULL,
        )
    deadline = time.time() + 60
    while not (note.is_file() and note.read_text()):
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.1)
    time.sleep(0.5)
    assert alive(note.read_text())
    process.kill()
    process.wait()
    assert ends_within(note.read_text(), 5)


def test_workers_have_one_thread_whatever_the_environment(monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '8')
    monkeypatch.delenv('MKL_NUM_THREADS', raising=False)
    monkeypatch.setenv('OPENBLAS_NUM_THREADS', '8')
    before = dict(os.environ)
    with worker_pool(1) as pool:
        # the product makes threads where these are made late
        seen = pool.submit(
            eval,
            """[
            (lambda a: a @ a)(__import__('numpy').ones((600, 600))).shape,
            len(__import__('os').listdir('/proc/self/task')),
            __import__('cv2').getNumThreads(),
            [__import__('os').environ[name] for name in (
                'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')]]""",
        ).result()
    assert seen[2:] == [1, ['1', '1', '1']]
    assert seen[1] == 2  # its own, and the one that watches its parent
    assert dict(os.environ) == before
