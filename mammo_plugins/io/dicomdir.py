"""Which files a DICOMDIR names."""

import os
from pathlib import Path

from pydicom import dcmread
from pydicom.multival import MultiValue

from .errors import Defect
from .reading import guarded

_NAME = 'DICOMDIR'
_ABSENT = 'named by the DICOMDIR, but not there'
_OUTSIDE = 'named by the DICOMDIR by a path that leads out of its folder'
_OTHER = 'no image, says the DICOMDIR'


def is_dicomdir(path: str | Path) -> bool:
    """Tell whether a file is a DICOMDIR, which is known by its name."""
    return Path(path).name.upper() == _NAME


def read_dicomdir(path: str | Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Return the images that a DICOMDIR names.

    Nothing else of it is kept: its records hold names and birth dates.

    Args:
        path (str | Path): The file, named ``DICOMDIR``.

    Returns:
        tuple: Files, sorted, and what it names beside them, (path, reason) each.
        Names count in lower case too, as discs are shown on Linux.

    Raises:
        MammogramError: If it cannot be read, or is no DICOMDIR.
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
                continue  # of a patient, a study, a series
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
