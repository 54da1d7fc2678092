"""Mammograms read once: a 16-bit cache of oriented, cropped pixels."""
import hashlib
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Optional, Tuple, Union

import numpy as np
from mmengine.logging import print_log

from mammo_plugins.version import __version__

FULL_SCALE = 65535  # grey value 1.0 in the cache
_FORMAT = 4  # raise it when the meaning of an entry, or what is found in it, changes


class PixelCache:
    """One compressed file an image, beside the data.

    An entry is used only if the source's size and modification time are those it
    was made from and its checksums hold; anything else is rebuilt. Entries are
    written to a temporary name and renamed, so that processes filling the cache
    at the same time never see a part of a file.

    Args:
        folder (str | Path): Where the entries lie; made when missing.
    """

    def __init__(self, folder: Union[str, Path]) -> None:
        self.folder = Path(folder)
        self._writable = True

    def entry_path(self, source: Union[str, Path], key: str = '') -> Path:
        """Return where the entry of a source file lies.

        Args:
            source (str | Path): The image file.
            key (str): What else the entry depends on, e.g. the crop's margin.
        """
        name = f'{Path(source).resolve()}|{key}|{_FORMAT}|{__version__}'
        digest = hashlib.sha1(os.fsencode(name)).hexdigest()
        return self.folder / digest[:2] / f'{digest}.npz'

    def get(self,
            source: Union[str, Path],
            make: Callable[[], Tuple[np.ndarray, Dict[str, Any]]],
            key: str = '') -> Tuple[np.ndarray, Dict[str, Any]]:
        """Return the pixels of a source file, from the cache or made anew.

        Args:
            source (str | Path): The image file.
            make (callable): Returns (pixels, facts): (H, W) uint16 and a
                JSON-serialisable dict. Called when there is no sound entry.
            key (str): As in :meth:`entry_path`.

        Returns:
            tuple: (pixels, facts) as ``make`` gave them.
        """
        stat = os.stat(source)
        stamp = [stat.st_size, stat.st_mtime_ns]
        path = self.entry_path(source, key)
        entry = self._read(path, stamp)
        if entry is None:
            entry = make()
            self._write(path, stamp, *entry)
        return entry

    def _read(self, path: Path,
              stamp: list) -> Optional[Tuple[np.ndarray, Dict[str, Any]]]:
        try:
            with np.load(path, allow_pickle=False) as entry:
                facts = json.loads(str(entry['facts']))
                if facts.pop('_stamp') != stamp:
                    return None
                return entry['pixels'], facts
        except FileNotFoundError:
            return None
        except Exception as error:  # zipfile raises nearly anything on damage
            print_log(f'{path}: damaged cache entry ({error}); rebuilt',
                      logger='current')
            return None

    def _write(self, path: Path, stamp: list, pixels: np.ndarray,
               facts: Dict[str, Any]) -> None:
        if not self._writable:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(
                dir=path.parent, suffix='.tmp')
            try:
                with os.fdopen(handle, 'wb') as file:
                    _save(file, pixels=pixels,
                          facts=json.dumps({**facts, '_stamp': stamp}))
                os.replace(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError as error:
            self._writable = False
            print_log(f'{self.folder}: cannot write the pixel cache ({error}); '
                      'going on without it', logger='current')


def _save(file: BinaryIO, **arrays: Any) -> None:
    """As ``numpy.savez_compressed``, which is bound by its compression, but fast."""
    with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f'{name}.npy', 'w', force_zip64=True) as entry:
                np.lib.format.write_array(
                    entry, np.asanyarray(array), allow_pickle=False)
