"""Files that can be read to their end, told from those that wait for ever."""

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
    """Something that has the name of a file and is none.

    Args:
        path (str | Path): Its name.
        kind (str): What it is.
    """

    def __init__(self, path: str | Path, kind: str) -> None:
        super().__init__(f'{path}: is {kind}, not a file')
        self.kind = kind


def irregular_kind(mode: int) -> str | None:
    """Return such as 'a folder' or 'a FIFO (named pipe)', ``None`` of a file.

    Args:
        mode (int): ``st_mode`` of what it leads to.
    """
    if stat.S_ISREG(mode):
        return None
    return next((kind for test, kind in _KINDS if test(mode)), 'no file')


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file to read its bytes; what would wait for a writer is not opened.

    Args:
        path (str | Path): The file.

    Raises:
        FileNotFoundError: If there is none.
        IrregularFileError: If it is a folder, a FIFO, a socket or a device.
        OSError: As :func:`open`.
    """
    kind = irregular_kind(os.stat(path).st_mode)  # opening a device may do something
    if kind:
        raise IrregularFileError(path, kind)
    # between the two somebody may have put a FIFO there
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
