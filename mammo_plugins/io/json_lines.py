"""Results that come one by one: a line each, there when it is written."""

import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mammo_plugins.io.json_files import json_text, parse_json

_CRC = 'crc32'


class JsonLines:
    """A file of JSON objects, one a line, that only grows.

    Every line is on the disk when :meth:`append` returns, so that nothing but the
    line under way is lost if the process or the machine dies. A line cut short by
    that, or changed since, is passed over in reading: each ends with ``crc32``, the
    CRC of its JSON text without it.

    Args:
        path (str | Path): The file; it, and its folder, are made at the first line.

    Attributes:
        damaged (int): Lines passed over when the file was last read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.damaged = 0
        self._file: io.FileIO | None = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield what the lines hold, one at a time."""
        self.damaged = 0
        if not self.path.is_file():
            return
        with open(self.path, encoding='utf-8', errors='replace') as file:
            for line in file:
                try:
                    obj = parse_json(line)
                    if obj.pop(_CRC) != zlib.crc32(json_text(obj).encode()):
                        raise ValueError('changed')
                # cut short, empty, or something else
                except (ValueError, TypeError, LookupError, AttributeError):
                    self.damaged += bool(line.strip())
                    continue
                yield obj

    def append(self, obj: dict[str, Any]) -> None:
        """Add a line.

        Args:
            obj (dict): What ``json.dumps`` takes, without a key ``crc32``.

        Raises:
            OSError: If it cannot be written.
            ValueError: If a number is NaN or infinite, which JSON cannot hold.
        """
        crc = zlib.crc32(json_text(obj).encode())
        line = json_text({**obj, _CRC: crc}).encode() + b'\n'
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
            self.close()  # the next line begins anew
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
