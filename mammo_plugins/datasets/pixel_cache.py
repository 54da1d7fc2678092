"""16-bit cache of oriented, cropped pixels, so that mammograms are read only once."""

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Sequence
from logging import WARNING
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from mammo_plugins.io import atomic_path, open_regular, read_json, write_json
from mammo_plugins.version import __version__

FULL_SCALE = 65535  # grey value 1.0 in the cache
_LONGEST_HEAD = 2**24  # bytes
_FORMAT = 6  # increase it when the meaning of an entry or of recalled results changes


class PixelCache:
    """Pixel cache with one file per image: a line of JSON, then uncompressed pixels.

    Compression would hardly shrink noisy pixels and would take longer than the rest.

    An entry is used only if the source's size and modification time are unchanged,
    and if a checksum over pixels, facts, source and settings matches. Anything else is
    rebuilt. The checksum detects damage and mix-ups, but not deliberate manipulation by
    somebody who may write to the cache. Entries are written to a temporary name and
    then renamed, so that processes that fill the cache at the same time never see an
    incomplete file.

    Args:
        folder (str | Path): Folder of the entries; created if missing.

    Attributes:
        damaged (int): Number of invalid entries that were rebuilt.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.damaged = 0
        self._writable = True

    def entry_path(self, source: str | Path, key: str = '') -> Path:
        """Return the path of a source file's entry.

        Args:
            source (str | Path): The image file.
            key (str): Other settings that the entry depends on, e.g. the crop's margin.
        """
        name = f'{Path(source).resolve()}|{key}|{_FORMAT}|{__version__}'
        # bytes that are not UTF-8 are surrogates in a path
        digest = hashlib.sha1(name.encode(errors='surrogatepass')).hexdigest()
        return self.folder / digest[:2] / f'{digest}.u16'

    def get(
        self,
        source: str | Path,
        make: Callable[[], tuple[np.ndarray, dict[str, Any]]],
        key: str = '',
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Return the pixels of a source file, from the cache or newly computed.

        Args:
            source (str | Path): The image file.
            make (callable): Returns (pixels, facts): (H, W) uint16 and a
                JSON-serializable dict. Called if there is no valid entry.
            key (str): As in :meth:`entry_path`.

        Returns:
            tuple: (pixels, facts) as returned by ``make``.
        """
        try:
            stat = os.stat(source)
        except OSError:
            return make()  # reports what is wrong with the source
        stamp = [stat.st_size, stat.st_mtime_ns]
        path = self.entry_path(source, key)
        entry = self._read(path, stamp)
        if entry is None:
            entry = make()
            self._write(path, stamp, *entry)
        return entry

    def recall(
        self, sources: Sequence[str | Path], key: str, make: Callable[[], Any]
    ) -> Any:
        """Return a stored result for images, or compute and store it.

        Results are kept in files, so that memory does not grow over an epoch, and
        processes and runs share them.

        Args:
            sources (Sequence[str | Path]): The image files that the result depends on.
            key (str): Name of the result, with other settings that it depends on.
            make (callable): Computes the result, which JSON must represent exactly.
        """
        try:
            stats = [os.stat(source) for source in sources]
        except OSError:
            return make()
        stamp = [[stat.st_size, stat.st_mtime_ns] for stat in stats]
        others = '|'.join(str(Path(source).resolve()) for source in sources[1:])
        path = self.entry_path(sources[0], f'{others}|{key}').with_suffix('.json')
        try:
            entry = read_json(path)
            found, sound = (
                entry['found'],
                entry['checksum'] == _checksum_of(path, entry['found'], entry['stamp']),
            )
            if sound and entry['stamp'] == stamp:
                return found
            if not sound:
                raise ValueError('its checksum differs')
        except FileNotFoundError:
            pass
        except Exception as error:  # damaged JSON may raise anything
            self._tell_damage(path, error)
        found = make()
        if self._writable:
            self._try(
                lambda: write_json(
                    path,
                    dict(
                        stamp=stamp,
                        found=found,
                        checksum=_checksum_of(path, found, stamp),
                    ),
                )
            )
        return found

    def _read(
        self, path: Path, stamp: list
    ) -> tuple[np.ndarray, dict[str, Any]] | None:
        try:
            with open_regular(path) as file:
                head = json.loads(file.readline(_LONGEST_HEAD))
                pixels = np.fromfile(file, '<u2').reshape(head['shape'])
            text = head['facts']
            facts = json.loads(text)
            if facts.pop('_stamp') != stamp:
                return None
            if head['checksum'] != _checksum(path, pixels, text):
                raise ValueError('its checksum differs')
            return pixels, facts
        except FileNotFoundError:
            return None
        except Exception as error:  # a damaged file may raise anything
            self._tell_damage(path, error)
            return None

    def _tell_damage(self, path: Path, error: Exception) -> None:
        self.damaged += 1
        print_log(
            f'{path}: damaged cache entry ({error}), number {self.damaged}; rebuilt',
            logger='current',
            level=WARNING,
        )

    def _write(
        self, path: Path, stamp: list, pixels: np.ndarray, facts: dict[str, Any]
    ) -> None:
        if not self._writable:
            return
        text = json.dumps({**facts, '_stamp': stamp})
        head = json.dumps(
            dict(facts=text, shape=pixels.shape, checksum=_checksum(path, pixels, text))
        )

        def write() -> None:
            with atomic_path(path) as temporary, open(temporary, 'xb') as file:
                file.write(head.encode() + b'\n')
                np.ascontiguousarray(pixels, '<u2').tofile(file)

        self._try(write)

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            self._writable = False
            print_log(
                f'{self.folder}: cannot write the pixel cache ({error}); '
                'continuing without it',
                logger='current',
                level=WARNING,
            )


def _checksum(path: Path, pixels: np.ndarray, facts: str) -> int:
    """Return a CRC of an entry, including its name, which depends on the settings."""
    head = f'{path.stem}|{pixels.dtype.str}|{pixels.shape}|{facts}'
    return zlib.crc32(np.ascontiguousarray(pixels), zlib.crc32(head.encode()))


def _checksum_of(path: Path, found: Any, stamp: list) -> int:
    """Return a CRC of a stored result, including its name."""
    return zlib.crc32(f'{path.stem}|{json.dumps([found, stamp])}'.encode())
