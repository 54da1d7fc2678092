"""Commands in processes of their own, forked from one that has the libraries loaded.

Signals, ends and what is printed are those of a real process; only the imports, some
six seconds of each, are made once.
"""

import multiprocessing
import os
import runpy
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
FORKS = multiprocessing.get_context('forkserver')
# the tests of several processes of mammo_plugins.testing take them from there, too
FORKS.set_forkserver_preload(
    [
        'mammo_plugins',
        'mmdet.models',
        'mmpretrain.models',
        'mmdet.evaluation',
        'mammo_plugins.apis',
        'mammo_plugins.apis.inferencers',
        'mammo_plugins.datasets',
        'mammo_plugins.evaluation',
        'mammo_plugins.models',
        'mammo_plugins.testing',
        'matplotlib.pyplot',
        'torch.distributed.run',
    ]
)


class Ended(NamedTuple):
    """How a command has ended, named as by :mod:`subprocess`."""

    returncode: int
    stdout: str
    stderr: str


def _run(words: list[str], folder: Path, environment: dict[str, str]) -> None:
    for number, name in ((1, 'out'), (2, 'err')):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout, sys.stderr = (
        open(number, 'w', buffering=1, closefd=False) for number in (1, 2)
    )
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = words
    runpy.run_path(words[0], run_name='__main__')


class ForkedTool:
    """A command of ``tools/`` in its own process, in the repository's root.

    Args:
        folder (Path): For what it prints.
        path (str): Of the command, from the root.
        arguments: Of the command.
        environment: More variables.
    """

    def __init__(
        self, folder: Path, path: str, *arguments: Any, **environment: str
    ) -> None:
        self._folder = folder / f'printed_{time.monotonic_ns()}'
        self._folder.mkdir()
        self._process = FORKS.Process(
            target=_run,
            args=(
                [path, *map(str, arguments)],
                self._folder,
                {**os.environ, **environment},
            ),
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """int: Of the process."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """bool: Whether it has not ended."""
        return self._process.is_alive()

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, where it still runs."""
        self._process.kill()

    def wait(self, timeout: float = 300.0) -> Ended:
        """Wait for its end; one that does not end in time is killed."""
        self._process.join(timeout)
        if self.runs:
            self.kill()
            raise subprocess.TimeoutExpired(str(self._process), timeout)
        out, err = ((self._folder / name).read_text() for name in ('out', 'err'))
        return Ended(self._process.exitcode, out, err)


def free_port() -> str:
    """Return a port that nobody listens at."""
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return str(s.getsockname()[1])
