"""Limits on what is read from a file.

A file of a few kilobytes can declare billions of pixels or unpack to gigabytes. The
limits exceed what any mammogram needs; docs/reference/reading.md explains how to raise
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

_OFTEN = 1024  # elements between two checks of the clock


@dataclass(frozen=True)
class ReadingLimits:
    """The greatest size of a file and time to read it.

    Attributes:
        pixels (int): Pixels of an image. The largest films (24 x 30 cm at 30
            micrometres) have 80 million. Defaults to 100 million.
        bytes (int): Size of a file whose pixels are read, and of its compressed parts
            once unpacked. Defaults to 2**29, 512 MiB.
        items (int): Elements and items of sequences in a DICOM header; a tomosynthesis
            of 300 frames has about 15,000. Defaults to 30,000.
        seconds (float): Time, checked while a header is parsed and between the steps of
            reading; a running decoder library cannot be stopped. Defaults to 120.
    """

    pixels: int = 100_000_000
    bytes: int = 2**29
    items: int = 30_000
    seconds: float = 120.0

    @classmethod
    def current(cls) -> 'ReadingLimits':
        """Return the limits of this process and its children.

        Raises:
            ValueError: If the environment variable does not contain valid limits.
        """
        try:
            return cls().changed(os.environ.get(VARIABLE, ''))
        except ValueError as error:
            raise ValueError(f'environment variable {VARIABLE}: {error}') from None

    def changed(self, text: str) -> 'ReadingLimits':
        """Return a copy with some limits changed.

        Args:
            text (str): Settings such as 'pixels=2e8 seconds=600'.

        Raises:
            ValueError: If it has another form.
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
        """Make these the limits of this process and its children."""
        os.environ[VARIABLE] = str(self)

    def __str__(self) -> str:
        return ' '.join(
            f'{field.name}={getattr(self, field.name)}' for field in fields(self)
        )


class _LimitAction(argparse.Action):
    """Applies a limit as it is parsed."""

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
        parser (ArgumentParser): The command's parser.
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
    """The remaining limits for one file.

    Args:
        limits (ReadingLimits): The limits.

    Attributes:
        exceeded (Defect, optional): The limit exceeded, even if a library swallowed the
            error.
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
        """Raise ``Defect`` if a file or an unpacked part of it is too long."""
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
    """Start reading a file.

    Args:
        limits (ReadingLimits, optional): Defaults to ``None``, the process's limits.
    """
    new = Budget(limits or ReadingLimits.current())
    token = _BUDGET.set(new)
    try:
        yield new
    finally:
        _BUDGET.reset(token)


def budget() -> Budget:
    """Return the budget of the file being read."""
    return _BUDGET.get() or Budget(ReadingLimits.current())
