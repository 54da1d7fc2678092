"""Distinguishing files that can be read to their end from those that block."""

import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = (
    (stat.S_ISDIR, 'a folder'),
    (stat.S_ISFIFO, 'a FIFO (named pipe)'),
    (stat.S_ISSOCK, 'a socket'),
    (stat.S_ISCHR, 'a device'),
    (stat.S_ISBLK, 'a device'),
)


class IrregularFileError(OSError):
    """A path that is not a regular file.

    Args:
        path (str | Path): Its name.
        kind (str): What it is.
    """

    def __init__(self, path: str | Path, kind: str) -> None:
        super().__init__(f'{path}: is {kind}, not a file')
        self.kind = kind


def irregular_kind(mode: int) -> str | None:
    """Return 'a folder', 'a FIFO (named pipe)' or the like, ``None`` for a file.

    Args:
        mode (int): ``st_mode`` of the link's target.
    """
    if stat.S_ISREG(mode):
        return None
    return next((kind for test, kind in _KINDS if test(mode)), 'no file')


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file to read its bytes, unless that would wait for a writer.

    Args:
        path (str | Path): The file.

    Raises:
        FileNotFoundError: If it does not exist.
        IrregularFileError: If it is a folder, a FIFO, a socket or a device.
        OSError: As :func:`open`.
    """
    kind = irregular_kind(os.stat(path).st_mode)  # opening a device may have effects
    if kind:
        raise IrregularFileError(path, kind)
    # a FIFO may have replaced it in between
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    kind = irregular_kind(os.fstat(handle).st_mode)
    if kind:
        os.close(handle)
        raise IrregularFileError(path, kind)
    return os.fdopen(handle, 'rb')


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal digits.

    Raises:
        OSError: As :func:`open_regular`.
    """
    with open_regular(path) as file:
        return hashlib.sha256(file.read()).hexdigest()
