"""Reading the files that a DICOMDIR lists."""

import os
from pathlib import Path

from pydicom import dcmread
from pydicom.multival import MultiValue

from .errors import Defect
from .reading import guarded

_NAME = 'DICOMDIR'
_ABSENT = 'named by the DICOMDIR, but not there'
_OUTSIDE = 'named by the DICOMDIR by a path that leads out of its folder'
_OTHER = 'not an image, according to the DICOMDIR'


def is_dicomdir(path: str | Path) -> bool:
    """Return whether a file is a DICOMDIR, identified by its name."""
    return Path(path).name.upper() == _NAME


def read_dicomdir(path: str | Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Return the images that a DICOMDIR lists.

    Nothing else of it is kept, since its records contain names and birth dates.

    Args:
        path (str | Path): The file, named ``DICOMDIR``.

    Returns:
        tuple: The sorted files, and the other entries as (path, reason). Lower-case
        names match too, because Linux shows discs that way.

    Raises:
        MammogramError: If it cannot be read or is not a DICOMDIR.
    """
    path = Path(path)
    files: set[Path] = set()
    left_out: list[tuple[Path, str]] = []
    with guarded(path):
        records = dcmread(path).get('DirectoryRecordSequence')
        if records is None:
            raise Defect('no DICOMDIR: it has no DirectoryRecordSequence')
        for record in records:
            named = record.get('ReferencedFileID')
            if not named:
                continue  # a record of a patient, study or series
            parts = list(named) if isinstance(named, MultiValue) else [named]
            file = path.parent.joinpath(*parts)
            if any(
                part in ('', '.', '..') or '/' in part or os.sep in part
                for part in parts
            ):
                left_out.append((path, _OUTSIDE))
            elif record.get('DirectoryRecordType') != 'IMAGE':
                left_out.append((file, _OTHER))
            elif file.is_file():
                files.add(file)
            elif (lower := path.parent.joinpath(*map(str.lower, parts))).is_file():
                files.add(lower)
            else:
                left_out.append((file, _ABSENT))
    return sorted(files), sorted(left_out)
