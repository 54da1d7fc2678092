"""Stop commands reliably, in the same way on Ctrl-C, SIGTERM and SIGHUP.

A signal becomes a ``KeyboardInterrupt``. A library may swallow it with a bare
``except``, and so may Python in a ``__del__`` or a callback. It is therefore raised
again until it arrives. A second signal ends the command at once. Files are never left
incomplete, since results are written to a temporary name first or line by line.
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
_AGAIN = 0.7  # seconds until an exception that did not arrive is raised again
PARENT = 'MAMMO_PLUGINS_PARENT'  # environment: the command ends with this process
_PR_SET_PDEATHSIG = 1  # from Linux's prctl
# the libraries below NumPy, SciPy and PyTorch read these variables when they are loaded
_THREADS = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')


class _Stop:
    """State of a requested stop of this process."""

    def __init__(self) -> None:
        self.owner: int | None = None  # process that set the handlers
        self.number: int | None = None  # signal that was received
        self.children: set[subprocess.Popen] = set()
        self.quiet = False  # whether another process writes that it is stopping

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if os.getpid() != self.owner:  # a forked worker
            raise KeyboardInterrupt
        if self.number is not None:
            self.end_now()
        self.number = number
        # PyTorch's handler raises if a data loader's worker has ended, which may be so
        signal.signal(signal.SIGCHLD, lambda *_: None)
        if not self.quiet:
            os.write(2, b'\nstopping; once more to stop at once\n')
        for child in list(self.children):
            child.send_signal(signal.SIGTERM)
        signal.signal(signal.SIGALRM, self.raise_again)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
        raise KeyboardInterrupt

    def raise_again(self, number: int, frame: FrameType | None) -> None:
        """Handle the timer's signal."""
        raise KeyboardInterrupt

    def end_now(self) -> None:
        """Exit without any clean-up."""
        for child in [*active_children(), *self.children]:
            child.kill()
        os._exit(self.status)

    @property
    def status(self) -> int:
        """int: Exit status that a shell reports for a command ended by the signal."""
        return 128 + (self.number or signal.SIGINT)


_stop = _Stop()


@contextmanager
def ended_at_once() -> Iterator[None]:
    """Let signals end a command at once, outside of :func:`stoppable`.

    The imports of a command take seconds and leave nothing to finish, and some of them
    swallow exceptions. A command that was started by another one ends with it. Programs
    that only import the package keep their own handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    print_any_name()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    _set_handlers(_end_at_once)
    parent = os.environ.pop(PARENT, None)  # not for processes that it starts itself
    if parent:
        _stop.quiet = os.environ.get('RANK') != '0'  # torchrun itself writes nothing
        _end_with_parent(int(parent))
    try:
        yield
    finally:
        _restore_handlers(before)


def print_any_name() -> None:
    """Escape characters of file names that the output's encoding cannot represent.

    These are bytes that are not valid UTF-8 and, with ``LANG=C``, all but ASCII.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='backslashreplace')


def _end_at_once(number: int, frame: FrameType | None) -> None:
    os.write(2, b'\ninterrupted\n')
    os._exit(128 + number)


def _set_handlers(handler: Callable) -> None:
    for number in _SIGNALS:
        # background jobs of a script start with Ctrl-C ignored, nohup's without SIGHUP
        if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _restore_handlers(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None:  # otherwise set from outside Python
            signal.signal(number, handler)


def raise_if_stopped() -> None:
    """Raise ``KeyboardInterrupt`` if a stop was requested, even if it was swallowed."""
    if _stop.number is not None:
        raise KeyboardInterrupt


def stop_arrived() -> None:
    """Acknowledge a stop, so that the clean-up that follows is not interrupted."""
    if _stop.owner == os.getpid() and _stop.number is not None:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def stoppable(message: str = 'interrupted') -> Iterator[None]:
    """Run a command that signals can stop, and escape its output.

    Output is escaped by :mod:`~mammo_plugins.printable`.

    When stopped, the command prints the message and exits with status 130 after Ctrl-C,
    143 after SIGTERM, or 129 after SIGHUP (unless ``nohup`` has disabled that).

    Args:
        message (str): Message to print, such as how to resume.
    """
    if _stop.owner == os.getpid() or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield  # the outer context, or that of the main thread, handles the signals
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
            stopped = _stop.number is not None  # swallowed just before the work ended
        except KeyboardInterrupt:
            stopped = True
        except Exception:
            # a failure after a signal, such as a lost worker, is caused by the signal
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
        # leaving a group whose other members have ended hangs or aborts
        os._exit(_stop.status)
    sys.exit(_stop.status)


def run_child(words: Sequence[str], **options: Any) -> int:
    """Run a child command that is stopped together with this one.

    Args:
        words (Sequence[str]): The command.
        options: As in :class:`subprocess.Popen`.

    Returns:
        int: Its exit status.

    Raises:
        KeyboardInterrupt: If a stop was requested. The child has ended by then.
    """
    raise_if_stopped()
    options['env'] = dict(
        options.get('env') or os.environ, **{PARENT: str(os.getpid())}
    )
    # Ctrl-C in a terminal must reach it only once, through this process
    child = subprocess.Popen(words, start_new_session=True, **options)
    _stop.children.add(child)
    try:
        if _stop.number is not None:  # received in between
            child.send_signal(signal.SIGTERM)
        status = child.wait()
    except BaseException:
        stop_arrived()
        # a second signal would end it at once, without its clean-up
        if child.poll() is None and _stop.number is None:
            child.send_signal(signal.SIGTERM)
        child.wait()
        raise
    finally:
        _stop.children.discard(child)
    raise_if_stopped()
    return status


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Create a pool of processes with one thread each, regardless of the environment.

    If the libraries in each process start one thread per core, the processes spend most
    of their time waiting for each other.

    Args:
        workers (int): Number of processes.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, '1'))  # inherited by new processes
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
    """Set up a process of a pool.

    It leaves signals to its parent, ends whenever the parent ends, and shares the cores
    with the others.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_parent(parent_process().pid)
    import cv2  # not above: signal handlers are set before anything large is imported

    cv2.setNumThreads(1)


def _end_with_parent(parent: int) -> None:
    """End this process whenever its parent ends."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    if sys.platform == 'linux':  # even in a call that never returns to Python
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=watch, daemon=True).start()
