"""A journal of finished views, from which an interrupted conversion resumes."""

import hashlib
import os
from pathlib import Path
from typing import Any

from mammo_plugins.io import JsonLines, ReadingLimits
from mammo_plugins.version import __version__

from .records import RawView

_FORMAT = 3  # increased when results in an earlier journal become wrong


def record_key(raw: Path, view: RawView) -> str:
    """Return a key that changes with the view, its files, limits or this package."""
    stamps = []
    for file in [view.file, *(lesion.mask_file for lesion in view.lesions)]:
        try:
            stat = os.stat(raw / file) if file is not None else None
        except OSError:
            stat = None  # a missing file is reported when it is read
        stamps.append(stat and (stat.st_size, stat.st_mtime_ns))
    text = f'{__version__}|{_FORMAT}|{ReadingLimits.current()}|{view!r}|{stamps}'
    return hashlib.sha1(text.encode(errors='surrogatepass')).hexdigest()


class Journal:
    """One JSON line per finished view; damaged lines are ignored.

    Args:
        path (Path): The file.
    """

    def __init__(self, path: Path) -> None:
        self._lines = JsonLines(path)
        self.done: dict[str, Any] = {}
        for entry in self._lines:
            if entry.keys() == {'key', 'result'}:
                self.done[entry['key']] = entry['result']

    def get(self, key: str) -> Any | None:
        """Return the recorded result, or ``None``."""
        return self.done.get(key)

    def add(self, key: str, result: Any) -> None:
        """Record a result."""
        self.done[key] = result
        self._lines.append(dict(key=key, result=result))
