"""Results that come one by one, each a line that is on the disk once written."""

import io
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mammo_plugins.io.json_files import json_text, parse_json
from mammo_plugins.io.writing import atomic_path

_CRC = 'crc32'


class JsonLines:
    """An append-only file of JSON objects, one per line.

    Every line is on the disk when :meth:`append` returns, so only the current line is
    lost if the process or the machine dies. Lines truncated by that, or changed since,
    are skipped in reading: each line ends with ``crc32``, the CRC of its JSON text
    without it.

    Args:
        path (str | Path): The file; it and its folder are created with the first line.

    Attributes:
        damaged (int): Lines skipped when the file was last read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.damaged = 0
        self._file: io.FileIO | None = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the lines' objects, one at a time."""
        return (obj for _, obj in self.placed())

    def placed(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the position of each line, for :meth:`at`, and its object."""
        self.damaged = 0
        if not self.path.is_file():
            return
        place = 0
        with open(self.path, 'rb') as file:
            for line in file:
                obj = _read_line(line)
                if obj is not None:
                    yield place, obj
                else:
                    self.damaged += bool(line.strip())
                place += len(line)

    def at(self, places: Iterable[int]) -> Iterator[dict[str, Any]]:
        """Yield the objects of single lines, in any order.

        Args:
            places (Iterable[int]): Positions from :meth:`placed`.

        Raises:
            ValueError: If a line has changed since.
        """
        file = None
        try:
            for place in places:
                file = file or open(self.path, 'rb')
                file.seek(place)
                obj = _read_line(file.readline())
                if obj is None:
                    raise ValueError(f'{self.path}: was changed while it was read')
                yield obj
        finally:
            if file is not None:
                file.close()

    def append(self, obj: dict[str, Any]) -> None:
        """Add a line.

        Args:
            obj (dict): An object that ``json.dumps`` accepts, without a key ``crc32``.

        Raises:
            OSError: If it cannot be written.
            ValueError: If a number is NaN or infinite, which JSON cannot represent.
        """
        line = _as_line(obj)
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, 'ab', buffering=0)
            if self._file.tell() and not self._ends_a_line():
                line = b'\n' + line
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except BaseException as error:
            self.close()  # the next record starts on a new line
            if isinstance(error, OSError) and error.errno:
                error.filename = str(self.path)
            raise

    def close(self) -> None:
        """Close the file; a later line opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _ends_a_line(self) -> bool:
        with open(self.path, 'rb') as file:
            file.seek(-1, os.SEEK_END)
            return file.read() == b'\n'


def write_json_lines(path: str | Path, objects: Iterable[dict[str, Any]]) -> None:
    """Write a whole file of lines for :class:`JsonLines`, atomically.

    Args:
        path (str | Path): The file; its folder is created if missing.
        objects (Iterable[dict]): As in :meth:`JsonLines.append`, consumed one at a
            time.

    Raises:
        OSError, ValueError: As in :meth:`JsonLines.append`.
    """
    with atomic_path(path) as temporary, open(temporary, 'xb') as file:
        for obj in objects:
            file.write(_as_line(obj))
        file.flush()
        os.fsync(file.fileno())


def _as_line(obj: dict[str, Any]) -> bytes:
    crc = zlib.crc32(json_text(obj).encode())
    return json_text({**obj, _CRC: crc}).encode() + b'\n'


def _read_line(line: bytes) -> dict[str, Any] | None:
    """Return a line's object, ``None`` if it is truncated, empty or changed."""
    try:
        obj = parse_json(line.decode('utf-8', 'replace'))
        if obj.pop(_CRC) != zlib.crc32(json_text(obj).encode()):
            return None
    except (ValueError, TypeError, LookupError, AttributeError):
        return None
    return obj
