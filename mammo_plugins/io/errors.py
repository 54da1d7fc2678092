"""The error every reader of this package raises on bad input."""

from pathlib import Path

from mammo_plugins.printable import one_line


class MammogramError(ValueError):
    """A file that is not a usable mammogram.

    The text names the file, what is wrong and what to do. It never carries the
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
    """What is wrong with a file, raised where its name is not known.

    The readers turn it into a :class:`MammogramError`. It is the only exception
    whose text they pass on: pydicom's may quote the file's elements.
    """


def is_panic(error: BaseException) -> bool:
    """Tell whether an error is the ``PanicException`` of a decoder written in Rust.

    It is no ``Exception``, and each library has a class of its own.
    """
    return type(error).__name__ == 'PanicException'
