"""Reading NumPy archives that may be damaged, or anything else."""
import zipfile
from pathlib import Path
from typing import Dict, Union

import numpy as np

from .regular import open_regular

MOST_BYTES = 2**32  # of all arrays together, inflated


def read_arrays(path: Union[str, Path],
                most: int = MOST_BYTES) -> Dict[str, np.ndarray]:
    """Read an ``.npz`` file whole; nothing in it is executed.

    Args:
        path (str | Path): The file.
        most (int): Bytes that its arrays may have together.

    Returns:
        dict[str, np.ndarray]: The arrays by name.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such archive, or holds more.
        Exception: zipfile, zlib and NumPy raise nearly anything on damage.
    """
    with open_regular(path) as file:
        if not zipfile.is_zipfile(file):
            raise ValueError('no archive of NumPy')
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            size = sum(entry.file_size for entry in archive.zip.infolist())
            if size > most:
                raise ValueError(f'{size / 2**30:.1f} GiB inflated; at most '
                                 f'{most / 2**30:g} are read')
            return {name: archive[name] for name in archive.files}
