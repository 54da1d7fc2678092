"""The error that all readers of this package raise on bad input."""

from pathlib import Path

from mammo_plugins.printable import one_line


class MammogramError(ValueError):
    """A file that is not a usable mammogram.

    The text states the file, what is wrong and what to do. It never contains the
    patient's name, birth date or ID, so it may be logged.

    Args:
        path (str | Path): The file.
        reason (str): What is wrong and what to do.
    """

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(str(path), reason)  # both, so that it can be pickled
        self.path = str(path)
        self.reason = reason

    def __str__(self) -> str:
        return f'{one_line(self.path)}: {self.reason}'


class Defect(Exception):
    """A fault of a file, raised where the file's name is unknown.

    The readers turn it into a :class:`MammogramError`. It is the only exception
    whose text they pass on: pydicom's may quote the file's elements.
    """


def is_panic(error: BaseException) -> bool:
    """Return whether an error is the ``PanicException`` of a decoder written in Rust.

    It is not an ``Exception``, and each library has its own class.
    """
    return type(error).__name__ == 'PanicException'
