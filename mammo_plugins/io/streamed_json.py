"""Reading a JSON file with one long list, an entry at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mammo_plugins.io.json_files import JsonError, parse_json, read_json

_OPEN, _CLOSED, _INNER = b'    {', (b'    }', b'    },'), b'      '


class StreamedJson:
    """A file of :func:`~mammo_plugins.io.write_json`, without its longest list.

    Entries of the list are read one at a time, each time they are requested. A file
    with other line breaks is read whole.

    Args:
        path (str | Path): The file, an object with the list.
        key (str): Key of the list, whose entries are objects.

    Attributes:
        rest (Any): The parsed file; its list is empty if it is streamed.

    Raises:
        JsonError: As in :func:`~mammo_plugins.io.read_json`; in iteration for faulty
            entries.
        OSError: If it cannot be read.
    """

    def __init__(self, path: str | Path, key: str) -> None:
        self._path, self._key = Path(path), key
        rest = self._without_entries() if self._path.is_file() else None
        self._streamed = rest is not None
        if rest is None:
            self.rest = read_json(self._path)
            return
        try:
            self.rest = parse_json(rest)
        except JsonError as error:
            raise JsonError(f'not a JSON file ({error.reason})', self._path) from None

    def _without_entries(self) -> bytes | None:
        """Return the text without the list's entries, ``None`` for another layout."""
        kept, streamed, inside = [], False, False
        with open(self._path, 'rb') as file:
            for line in file:
                if not inside:
                    kept.append(line)
                    inside = not streamed and line == self._start
                    streamed = streamed or inside
                elif line.startswith(b'  ]'):
                    kept.append(line)
                    inside = False
                elif not (
                    line.startswith(_INNER) or line.rstrip() in (_OPEN, *_CLOSED)
                ):
                    return None
        return b''.join(kept) if streamed else None

    @property
    def _start(self) -> bytes:
        return f'  "{self._key}": [\n'.encode()

    def __iter__(self) -> Iterator[Any]:
        """Yield the entries."""
        if not self._streamed:
            yield from self.rest.get(self._key, [])
            return
        with open(self._path, 'rb') as file:
            entry: list[bytes] = []
            for line in file:
                if line == self._start:
                    break
            for line in file:
                if line.startswith(b'  ]'):
                    break
                entry.append(line)
                if line.rstrip() in _CLOSED:
                    try:
                        yield parse_json(b''.join(entry).rstrip().rstrip(b','))
                    except JsonError as error:
                        raise JsonError(
                            f'not a JSON file ({error.reason})', self._path
                        ) from None
                    entry = []
            if entry:
                raise JsonError(
                    f'not a JSON file ({self._key}: an entry is cut short)', self._path
                )
