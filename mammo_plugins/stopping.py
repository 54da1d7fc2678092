"""Commands that are stopped: Ctrl-C, SIGTERM and SIGHUP act alike, and for certain.

A signal becomes a ``KeyboardInterrupt``. A library may swallow that: a bare ``except``,
or Python itself in a ``__del__`` or a callback. It is therefore raised again until it
arrives. A second signal ends the command at once; what was written is whole, since
results are written to a temporary name first or a line at a time.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from types import FrameType
from typing import Any

from mammo_plugins.printable import printable_output

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN = 0.7  # seconds until an exception that did not arrive is raised once more
PARENT = 'MAMMO_PLUGINS_PARENT'  # environment: the process that a command ends with
_PR_SET_PDEATHSIG = 1  # of Linux's prctl
# libraries that NumPy, SciPy and PyTorch compute with read them when they are loaded
_THREADS = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')


class _Stop:
    """The stop of this process, if one was asked for."""

    def __init__(self) -> None:
        self.owner: int | None = None  # process whose handlers are set
        self.number: int | None = None  # signal that came
        self.children: set[subprocess.Popen] = set()

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        if os.getpid() != self.owner:  # a worker that was forked
            raise KeyboardInterrupt
        if self.number is not None:
            self.end_now()
        self.number = number
        # PyTorch's raises where a worker of a data loader is gone, as it may be now
        signal.signal(signal.SIGCHLD, lambda *_: None)
        os.write(2, b'\nstopping; once more to stop at once\n')
        for child in list(self.children):
            child.send_signal(signal.SIGTERM)
        signal.signal(signal.SIGALRM, self.raise_again)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
        raise KeyboardInterrupt

    def raise_again(self, number: int, frame: FrameType | None) -> None:
        """Take the timer's signal."""
        raise KeyboardInterrupt

    def end_now(self) -> None:
        """End without any cleaning up."""
        for child in [*active_children(), *self.children]:
            child.kill()
        os._exit(self.status)

    @property
    def status(self) -> int:
        """int: Exit status, as a shell gives it to a command that a signal ended."""
        return 128 + (self.number or signal.SIGINT)


_stop = _Stop()


@contextmanager
def ended_at_once() -> Iterator[None]:
    """Let signals end a command at once, wherever :func:`stoppable` does not rule.

    Its imports take seconds, have nothing to finish, and some swallow exceptions. A
    command that another one has started ends with that. Programs that only import the
    package keep their handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    print_any_name()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    _set_handlers(_end_at_once)
    parent = os.environ.pop(PARENT, None)  # not for what it starts itself
    if parent:
        _end_with_parent(int(parent))
    try:
        yield
    finally:
        _restore_handlers(before)


def print_any_name() -> None:
    """Let names of files that the output's encoding lacks be printed, escaped.

    Bytes that are no UTF-8 are such, and with ``LANG=C`` all that is not ASCII.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='backslashreplace')


def _end_at_once(number: int, frame: FrameType | None) -> None:
    os.write(2, b'\ninterrupted\n')
    os._exit(128 + number)


def _set_handlers(handler: Callable) -> None:
    for number in _SIGNALS:
        # a script's background jobs begin with Ctrl-C ignored, nohup's without SIGHUP
        if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _restore_handlers(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None:  # else set by other than Python
            signal.signal(number, handler)


def raise_if_stopped() -> None:
    """Raise ``KeyboardInterrupt`` if a stop was asked for, whoever swallowed it."""
    if _stop.number is not None:
        raise KeyboardInterrupt


def stop_arrived() -> None:
    """Say that a stop was heard: what follows is finished without disturbance."""
    if _stop.owner == os.getpid() and _stop.number is not None:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def stoppable(message: str = 'interrupted') -> Iterator[None]:
    """Run a command that signals can stop, whose output is printable.

    What is printed meanwhile is escaped by :mod:`~mammo_plugins.printable`.

    On a stop it prints the message and exits: status 130 after Ctrl-C, 143 after
    SIGTERM, 129 after SIGHUP (unless ``nohup`` has turned that off).

    Args:
        message (str): What to say, such as how to go on.
    """
    if _stop.owner == os.getpid() or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield  # the outer one, or the main thread's, takes the signals
        return
    print_any_name()
    with printable_output(), _taking_signals(message):
        yield


@contextmanager
def _taking_signals(message: str) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    _stop.owner, _stop.number = os.getpid(), None
    _set_handlers(_stop.handle)
    try:
        try:
            yield
            stopped = _stop.number is not None  # swallowed, and the work was at its end
        except KeyboardInterrupt:
            stopped = True
        except Exception:
            # what fails after a signal, such as a worker that is gone, fails by it
            stopped = _stop.number is not None
            if not stopped:
                raise
        if stopped:
            _exit_stopped(message)
    finally:
        stop_arrived()
        _stop.owner = None
        _restore_handlers(before)


def _exit_stopped(message: str) -> None:
    stop_arrived()
    print(message, file=sys.stderr, flush=True)
    distributed = getattr(sys.modules.get('torch'), 'distributed', None)
    if distributed and distributed.is_available() and distributed.is_initialized():
        sys.stdout.flush()
        # leaving a group whose other members are gone waits, or aborts
        os._exit(_stop.status)
    sys.exit(_stop.status)


def run_child(words: Sequence[str], **options: Any) -> int:
    """Run a command that is stopped with this one.

    Args:
        words (Sequence[str]): The command.
        options: As of :class:`subprocess.Popen`.

    Returns:
        int: Its exit status.

    Raises:
        KeyboardInterrupt: If a stop was asked for; the child has ended then.
    """
    raise_if_stopped()
    options['env'] = dict(
        options.get('env') or os.environ, **{PARENT: str(os.getpid())}
    )
    # a terminal's Ctrl-C shall reach it once, through this process
    child = subprocess.Popen(words, start_new_session=True, **options)
    _stop.children.add(child)
    try:
        if _stop.number is not None:  # came in between
            child.send_signal(signal.SIGTERM)
        status = child.wait()
    except BaseException:
        stop_arrived()
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        child.wait()
        raise
    finally:
        _stop.children.discard(child)
    raise_if_stopped()
    return status


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Make a pool of processes with one thread each, whatever the environment says.

    Many processes whose libraries start as many threads as there are cores wait for
    each other most of the time.

    Args:
        workers (int): Processes.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, '1'))  # which new processes inherit
    try:
        with ProcessPoolExecutor(workers, get_context('spawn'), start_worker) as pool:
            try:
                yield pool
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def start_worker() -> None:
    """Prepare a process of a pool.

    It leaves signals to its parent, ends when that has ended in whatever way, and
    shares the cores with the others.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_parent(parent_process().pid)
    import cv2  # not above: signals are taken before anything large is imported

    cv2.setNumThreads(1)


def _end_with_parent(parent: int) -> None:
    """End this process when its parent has ended, in whatever way."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    if sys.platform == 'linux':  # in a call that never gives Python a turn, too
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=watch, daemon=True).start()
