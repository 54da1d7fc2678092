"""Results that come one by one: a line each, there when it is written."""
import json
import os
from pathlib import Path
from typing import Any, Iterator, Union


class JsonLines:
    """A file of JSON objects, one a line, that only grows.

    Every line is on the disk when :meth:`append` returns, so that nothing but the
    line under way is lost if the process or the machine dies. A line cut short by
    that is passed over in reading, and the next one begins anew.

    Args:
        path (str | Path): The file; it, and its folder, are made at the first line.
    """

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)
        self._file = None

    def __iter__(self) -> Iterator[Any]:
        """Yield what the lines hold, one at a time."""
        if not self.path.is_file():
            return
        with open(self.path, encoding='utf-8', errors='replace') as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:  # cut short, or empty
                    continue

    def append(self, obj: Any) -> None:
        """Add a line.

        Args:
            obj (Any): What ``json.dumps`` takes.

        Raises:
            OSError: If it cannot be written.
            ValueError: If a number is NaN or infinite, which JSON cannot hold.
        """
        line = json.dumps(obj, ensure_ascii=False, allow_nan=False) + '\n'
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, 'ab', buffering=0)
            if self._file.tell() and not self._ends_a_line():
                line = '\n' + line
        try:
            # what is no UTF-8 of a file's name becomes JSON's own escape
            rest = memoryview(line.encode(errors='backslashreplace'))
            while rest:
                rest = rest[self._file.write(rest):]
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
