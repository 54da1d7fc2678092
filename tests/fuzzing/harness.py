"""Run the cases of a fuzzer and tell what came of them."""

import logging
import os
import re
import runpy
import signal
import sys
import tempfile
import traceback
import warnings
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope

ROOT = Path(__file__).parents[2]
# what moves the cursor or names a window; colours are the loggers' own, and a step
# up is that of a progress bar below another
_CONTROL = re.compile(r'\x1b(?!\[[\d;]*m|\[A)|[\x00-\x08\x0b\x0c\x0e-\x1a\x7f-\x9f]')


class Fault(Exception):
    """What no case may lead to.

    Args:
        kind (str): Such as 'not finite', 'ran code', 'leak', 'wrote elsewhere'.
        text (str): What was seen.
    """

    def __init__(self, kind: str, text: str = '') -> None:
        super().__init__(kind, text)
        self.kind, self.text = kind, text


class Fuzzer(ABC):
    """Altered inputs of one kind.

    Attributes:
        name (str): What is altered, as the table calls it.
        seconds (float): How long a case may take.
        in_suite (int): How many cases the test suite runs, in a few seconds.
        secrets (Sequence[str]): Planted in the inputs; no output may hold them.

    Args:
        folder (Path): For sound inputs, made here once, and for altered ones.
    """

    name: str = ''
    seconds: float = 20.0
    in_suite: int = 40
    secrets: Sequence[str] = ()

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def case(
        self, rng: np.random.Generator, number: int
    ) -> tuple[str, Callable[[], str]]:
        """Make one altered input.

        Args:
            rng (Generator): Of this case alone, so that it can be made again.
            number (int): Of the case; to go through a list of known alterations.

        Returns:
            tuple: What was altered, and a function that reads it. It returns what came
            of it, such as 'read' or 'refused', and raises :class:`Fault` for what must
            not be; any other exception counts as a traceback.
        """


class Found(NamedTuple):
    """A fault of a case."""

    number: int
    what: str
    kind: str
    text: str


@dataclass
class Report:
    """What came of the cases of a fuzzer."""

    name: str
    outcomes: Counter = field(default_factory=Counter)
    faults: list[Found] = field(default_factory=list)


class _TimeUp(BaseException):
    """Goes through every ``except Exception``."""


@contextmanager
def _limited(seconds: float) -> Iterator[None]:

    def stop(*_: Any) -> None:
        raise _TimeUp

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def captured() -> Iterator[Callable[[], str]]:
    """Catch all that is printed, logged and warned of, by C libraries too."""
    with tempfile.TemporaryFile(
        'w+', encoding='utf-8', errors='backslashreplace', buffering=1
    ) as file:
        handler = logging.StreamHandler(file)
        kept = os.dup(1), os.dup(2)
        streams = sys.stdout, sys.stderr
        for stream in streams:
            stream.flush()

        def show(message: Any, category: type, *_: Any, **__: Any) -> None:
            file.write(f'{category.__name__}: {message}\n')

        def text() -> str:
            file.flush()
            return os.pread(file.fileno(), 2**24, 0).decode('utf-8', 'replace')

        logging.getLogger().addHandler(handler)
        with warnings.catch_warnings():
            warnings.simplefilter('always')
            warnings.showwarning = show
            try:
                sys.stdout = sys.stderr = file
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
                yield text
            finally:
                sys.stdout, sys.stderr = streams
                for number, copy in zip((1, 2), kept):
                    os.dup2(copy, number)
                    os.close(copy)
                logging.getLogger().removeHandler(handler)


def run_command(path: str, *arguments: Any) -> tuple[int, str]:
    """Run a command of ``tools/`` in this process.

    Returns:
        tuple: Exit status and its output. A traceback is raised.
    """
    argv, folder = sys.argv, os.getcwd()
    sys.argv = [path, *map(str, arguments)]
    with captured() as text:
        try:
            os.chdir(ROOT)
            runpy.run_path(str(ROOT / path), run_name='__main__')
            code = 0
        except SystemExit as end:
            code = end.code or 0
            if isinstance(code, str):
                print(code)
                code = 1
        finally:
            sys.argv = argv
            os.chdir(folder)
        printed = text()
    print(printed)  # to the capture around the case, which is searched
    return code, printed


def check_text(text: str, secrets: Sequence[str]) -> None:
    """Raise :class:`Fault` for planted identities and for control characters."""
    for secret in secrets:
        if secret in text:
            start = max(text.find(secret) - 80, 0)
            raise Fault('leak', f'{secret} in: {text[start : start + 200]!r}')
    control = _CONTROL.search(text)
    if control:
        raise Fault('raw text', repr(text[max(control.start() - 80, 0) :][:200]))


@contextmanager
def _own_globals() -> Iterator[None]:
    """Forget loggers, whose stream is that of the case, and default scopes."""
    kept = [
        (each._instance_dict, each._instance_dict.copy())
        for each in (DefaultScope, MMLogger, MessageHub)
    ]
    try:
        yield
    finally:
        for now, earlier in kept:
            now.clear()
            now.update(earlier)


def _try(fuzzer: Fuzzer, call: Callable[[], str]) -> str:
    with captured() as text:
        with _own_globals(), _limited(fuzzer.seconds):
            outcome = call()
        printed = text()
    check_text(printed, fuzzer.secrets)
    if 'Traceback (most recent call last)' in printed:
        raise Fault('traceback', printed[-1500:])
    return outcome


def fuzz(
    fuzzer: Fuzzer,
    numbers: Sequence[int],
    seed: int = 0,
    begin: Callable[[int], None] = lambda number: None,
) -> Report:
    """Run cases of a fuzzer.

    Args:
        fuzzer (Fuzzer): The fuzzer.
        numbers (Sequence[int]): Of the cases.
        seed (int): Defaults to 0.
        begin (callable): Called with the number of each case before it runs.
    """
    report = Report(fuzzer.name)
    for number in numbers:
        begin(number)
        what, call = fuzzer.case(np.random.default_rng([seed, number]), number)
        try:
            outcome = _try(fuzzer, call)
        except Fault as fault:
            outcome, text = fault.kind, fault.text
        except _TimeUp:
            outcome, text = 'hang', f'more than {fuzzer.seconds:g} s'
        except KeyboardInterrupt:
            raise
        except BaseException:  # the decoders' panics are none of Exception
            outcome, text = 'traceback', traceback.format_exc()[-1500:]
        else:
            text = None
        report.outcomes[outcome] += 1
        if text is not None:
            report.faults.append(Found(number, what, outcome, text))
    return report
