"""How much of a file is read at most.

A file of a few kilobytes can declare billions of pixels or unpack to gigabytes. The
limits are above what any mammogram needs; docs/reference/reading.md says how to raise
them.
"""

import argparse
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from typing import Any

from mammo_plugins.io.errors import Defect

VARIABLE = 'MAMMO_READING_LIMITS'
"""Environment variable of the limits, such as ``pixels=200000000 seconds=600``.

Worker processes have those of their parent by it.
"""

_OFTEN = 1024  # elements between two looks at the clock


@dataclass(frozen=True)
class ReadingLimits:
    """What a file may hold and take.

    Attributes:
        pixels (int): Of an image. The largest films (24 x 30 cm at 30 micrometres)
            have 80 million. Defaults to 100 million.
        bytes (int): Of a file whose pixels are read, and of what compressed parts
            unpack to. Defaults to 2**29, 512 MiB.
        items (int): Elements and items of sequences in a DICOM header; one of a
            tomosynthesis of 300 frames has some 15,000. Defaults to 30,000.
        seconds (float): Looked at while a header is parsed and between the steps of
            reading; a decoder's library cannot be stopped in its midst. Defaults to
            120.
    """

    pixels: int = 100_000_000
    bytes: int = 2**29
    items: int = 30_000
    seconds: float = 120.0

    @classmethod
    def current(cls) -> 'ReadingLimits':
        """Return the limits of this process and its children.

        Raises:
            ValueError: If the environment variable does not state limits.
        """
        try:
            return cls().changed(os.environ.get(VARIABLE, ''))
        except ValueError as error:
            raise ValueError(f'environment variable {VARIABLE}: {error}') from None

    def changed(self, text: str) -> 'ReadingLimits':
        """Return limits with some of them changed.

        Args:
            text (str): Such as 'pixels=2e8 seconds=600'.

        Raises:
            ValueError: If it is of another form.
        """
        known = {field.name: type(getattr(self, field.name)) for field in fields(self)}
        changes = {}
        for word in text.split():
            name, _, written = word.partition('=')
            try:
                number = float(written)
            except ValueError:
                number = math.nan
            if name not in known or not 0 < number < math.inf:
                raise ValueError(
                    f'{word!r}: expected NAME=NUMBER above 0, NAME one of '
                    f'{", ".join(known)}'
                )
            changes[name] = known[name](number)
        return replace(self, **changes)

    def use(self) -> None:
        """Make these the limits of this process and of those it starts."""
        os.environ[VARIABLE] = str(self)

    def __str__(self) -> str:
        return ' '.join(
            f'{field.name}={getattr(self, field.name)}' for field in fields(self)
        )


class _LimitAction(argparse.Action):
    """Takes a limit into use as it is read."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        try:
            ReadingLimits.current().changed(values).use()
        except ValueError as error:
            parser.error(f'{option_string}: {error}')
        setattr(namespace, self.dest, values)


def add_limit_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--reading-limit`` to a command that reads images.

    Args:
        parser (ArgumentParser): Of the command.
    """
    try:
        ReadingLimits.current()
    except ValueError as error:
        parser.error(str(error))
    known = ', '.join(
        f'{field.name} {field.default:,}' for field in fields(ReadingLimits)
    )
    parser.add_argument(
        '--reading-limit',
        action=_LimitAction,
        metavar='NAME=NUMBER',
        help='how much of one image file is read at most, may be given several times '
        f'(default: {known})',
    )


class Budget:
    """What is left of the limits of one file.

    Args:
        limits (ReadingLimits): The limits.

    Attributes:
        exceeded (Defect, optional): What was too much, whoever swallowed the error.
    """

    def __init__(self, limits: ReadingLimits) -> None:
        self.limits = limits
        self.exceeded: Defect | None = None
        self._items = 0
        self._until = time.monotonic() + limits.seconds

    def add_items(self, count: int = 1) -> None:
        """Count elements and items of sequences.

        Raises:
            Defect: If there are too many, or time is up.
        """
        before, self._items = self._items, self._items + count
        if self._items > self.limits.items:
            self._refuse('items', 'elements and items of sequences')
        if before // _OFTEN != self._items // _OFTEN:
            self.check_time()

    def check_pixels(self, rows: float, columns: float) -> None:
        """Raise ``Defect`` if an image is too large."""
        if rows * columns > self.limits.pixels:
            self._refuse('pixels', 'pixels')

    def check_bytes(self, count: float) -> None:
        """Raise ``Defect`` if a file, or what a part of it unpacks to, is too long."""
        if count > self.limits.bytes:
            self._refuse('bytes', 'bytes')

    def check_time(self) -> None:
        """Raise ``Defect`` if time is up."""
        if time.monotonic() > self._until:
            self._refuse('seconds', 'seconds of reading')

    def _refuse(self, name: str, what: str) -> None:
        self.exceeded = Defect(
            f'more than {getattr(self.limits, name):,} {what}: not read; if the file is '
            f'sound, raise the limit with --reading-limit {name}=NUMBER'
        )
        raise self.exceeded


_BUDGET: ContextVar[Budget | None] = ContextVar('budget', default=None)


@contextmanager
def new_budget(limits: ReadingLimits | None = None) -> Iterator[Budget]:
    """Begin to read a file.

    Args:
        limits (ReadingLimits, optional): Defaults to ``None``, those of the process.
    """
    new = Budget(limits or ReadingLimits.current())
    token = _BUDGET.set(new)
    try:
        yield new
    finally:
        _BUDGET.reset(token)


def budget() -> Budget:
    """Return what is left for the file that is being read."""
    return _BUDGET.get() or Budget(ReadingLimits.current())
