"""Reading NumPy archives that may be damaged or invalid, and writing them atomically.

No other module reads or writes one.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .regular import open_regular
from .writing import atomic_path

MOST_BYTES = 2**32  # of all arrays together, decompressed


def read_arrays(
    path: str | Path, names: Sequence[str] = (), most: int = MOST_BYTES
) -> dict[str, np.ndarray]:
    """Read a whole ``.npz`` file without executing anything in it.

    Args:
        path (str | Path): The file.
        names (Sequence[str]): Required arrays. Defaults to none.
        most (int): Greatest total size of its arrays in bytes.

    Returns:
        dict[str, np.ndarray]: The arrays by name.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not such an archive, lacks an array or exceeds ``most``.
        Exception: zipfile, zlib and NumPy raise nearly anything on damage.
    """
    with open_regular(path) as file:
        if not zipfile.is_zipfile(file):
            raise ValueError('not a NumPy archive')
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            size = sum(entry.file_size for entry in archive.zip.infolist())
            if size > most:
                raise ValueError(
                    f'{size / 2**30:.1f} GiB inflated; at most '
                    f'{most / 2**30:g} are read'
                )
            lacking = [name for name in names if name not in archive.files]
            if lacking:
                raise ValueError(f'{lacking[0]} is missing')
            return {name: archive[name] for name in archive.files}


def write_arrays(path: str | Path, arrays: dict[str, Any], level: int = 6) -> None:
    """Write an ``.npz`` file atomically, in NumPy's format.

    Args:
        path (str | Path): The file.
        arrays (dict): By name, values that NumPy can convert to arrays without objects.
        level (int): Compression level, 1 (fast) to 9. Defaults to 6, as in
            ``numpy.savez_compressed``.
    """
    with (
        atomic_path(path) as temporary,
        open(temporary, 'xb') as file,
        zipfile.ZipFile(
            file, 'w', zipfile.ZIP_DEFLATED, compresslevel=level
        ) as archive,
    ):
        for name, array in arrays.items():
            with archive.open(f'{name}.npy', 'w', force_zip64=True) as entry:
                np.lib.format.write_array(
                    entry, np.asanyarray(array), allow_pickle=False
                )
