"""Reading spreadsheets that are no larger than annotation tables."""

import json
import re
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

from . import sheet_process
from .records import ConversionError

_SUFFIXES = ('.xls', '.xlsx', '.ods')
_MOST_BYTES = 2**28  # of everything packed in a file
_MOST_CELLS = 2 * 10**7  # from the first to the last; each takes memory
_MOST_MEMORY = 2**32  # of the process that reads
_CHUNK = 2**22
# finds far outlying cells before reading; those it misses abort the other process
_PLACE = re.compile(rb'\br\s*=\s*["\']\s*([A-Za-z]{1,9})(\d{1,12})')
_REPEATED = re.compile(rb'number-(?:columns|rows)-repeated\s*=\s*["\']\s*(\d{8,})')
_LONGEST_MATCH = 64
_ZIP, _OLE = b'PK\3\4', b'\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'
_ADVICE = 'open it and save it as XLSX or CSV'


def is_sheet(path: Path) -> bool:
    """Return whether a file's name is that of a spreadsheet."""
    return path.suffix.lower() in _SUFFIXES


def sheet_names(path: str | Path) -> list[str]:
    """Return the names of a spreadsheet's sheets, in order; none for a CSV.

    Raises:
        ConversionError: If the file cannot be read.
    """
    if not is_sheet(Path(path)):
        return []
    return _ask(Path(path), names_only=True)['names']


def read_sheet(path: Path, name: str | None) -> list[list]:
    """Return the rows of a sheet, with dates and times as text.

    Args:
        path (Path): XLS, XLSX or ODS.
        name (str, optional): The sheet's name; ``None`` for the first.

    Raises:
        ConversionError: If it cannot be read, has no such sheet, or unpacks to more
            than 256 MiB, 20 million cells or 4 GiB of memory.
    """
    answer = _ask(path, sheet=name)
    if 'size' in answer:
        raise _too_large(path, *answer['size'])
    return answer['rows']


def _ask(
    path: Path, sheet: str | None = None, names_only: bool = False
) -> dict[str, Any]:
    """Return the answer of the reading process, which may abort."""
    _check_kind(path)
    if path.suffix.lower() != '.xls':
        _check_size(path)
    asked = dict(
        path=str(path),
        sheet=sheet,
        names_only=names_only,
        most_cells=_MOST_CELLS,
        most_memory=_MOST_MEMORY,
        sys_path=sys.path,
    )
    done = subprocess.run(
        [sys.executable, '-I', sheet_process.__file__],
        input=json.dumps(asked).encode(),
        capture_output=True,
    )
    if done.returncode:
        raise ConversionError(
            f'{path}: a sheet that needs more memory than a table of annotations, '
            f'or a damaged file; delete cells far from the table, or {_ADVICE}'
        )
    answer = json.loads(done.stdout)
    if 'error' in answer:
        raise _unreadable(path, answer['error'])
    return answer


def _unreadable(path: Path, why: object) -> ConversionError:
    return ConversionError(f'{path}: not a readable spreadsheet ({why}); {_ADVICE}')


def _too_large(path: Path, rows: int, columns: int) -> ConversionError:
    return ConversionError(
        f'{path}: a sheet of {rows} rows and {columns} columns or more; delete '
        'cells far from the table'
    )


def _check_kind(path: Path) -> None:
    """Raise an error for a file whose content does not match its name."""
    try:
        with open(path, 'rb') as file:
            start = file.read(1024)
    except OSError as error:
        raise ConversionError(f'{path}: cannot be read ({error.strerror})') from None
    old = path.suffix.lower() == '.xls'
    if start.startswith(_OLE if old else _ZIP):
        return
    if start.startswith(_ZIP):
        found = 'a newer spreadsheet (XLSX or ODS)'
    elif start.startswith(_OLE):
        found = 'an old spreadsheet (XLS), or one locked with a password'
    elif not start.strip():
        found = 'empty'
    elif re.search(
        rb'<(?:!doctype\s+html|html|table|head|meta)\b',
        start.replace(b'\0', b''),
        re.IGNORECASE,
    ):
        found = 'a web page'
    elif start.startswith((b'\xff\xfe', b'\xfe\xff')) or not re.search(
        rb'[\0-\x08\x0e-\x1f]', start
    ):
        found = 'plain text, such as a CSV'
    else:
        found = 'no spreadsheet'
    raise _unreadable(
        path, f'named {path.suffix}, but by its first bytes it is {found}'
    )


def _check_size(path: Path) -> None:
    """Raise an error for files that would take gigabytes, without unpacking them."""
    left = _MOST_BYTES
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.is_dir():
                    continue
                with archive.open(member) as file:
                    left -= _check_member(path, member.filename, file, left)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise _unreadable(path, error) from None


def _check_member(path: Path, name: str, file: zipfile.ZipExtFile, left: int) -> int:
    """Return the number of bytes of a packed file."""
    size, rest, rows, columns = 0, b'', 1, 1
    of_sheet = name.lower().endswith('.xml')  # it may be anywhere
    while chunk := file.read(_CHUNK):
        size += len(chunk)
        if size > left:
            raise ConversionError(
                f'{path}: unpacks to more than {_MOST_BYTES >> 20} '
                'MiB; a table of annotations is smaller'
            )
        if not of_sheet:
            continue
        rest += chunk
        for column, row in _PLACE.findall(rest):
            rows, columns = max(rows, int(row)), max(columns, _number(column))
        if rows * columns > _MOST_CELLS or _REPEATED.search(rest):
            raise _too_large(path, rows, columns)
        rest = rest[-_LONGEST_MATCH:]
    return size


def _number(column: bytes) -> int:
    """Return the number of a column such as 'AB'."""
    number = 0
    for letter in column.upper():
        number = number * 26 + letter - 64
    return number
