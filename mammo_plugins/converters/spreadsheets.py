"""Reading spreadsheets, no larger than a table of annotations is."""
import re
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Optional, Union

from python_calamine import CalamineError, CalamineWorkbook

from .records import ConversionError

_SUFFIXES = ('.xls', '.xlsx', '.ods')
_MOST_BYTES = 2**28  # of all that is packed in a file
_MOST_CELLS = 2 * 10**7  # from the first to the last one, each takes memory
_CHUNK = 2**22
_PLACE = re.compile(rb'\br="([A-Z]{1,9})(\d{1,12})"')
_REPEATED = re.compile(rb'number-(?:columns|rows)-repeated="(\d{8,})"')
_LONGEST_MATCH = 64


def is_sheet(path: Path) -> bool:
    """Return whether a file is a spreadsheet, by its name."""
    return path.suffix.lower() in _SUFFIXES


def sheet_names(path: Union[str, Path]) -> List[str]:
    """Return the names of a spreadsheet's sheets, in order; none of a CSV.

    Raises:
        ConversionError: If the file cannot be read.
    """
    if not is_sheet(Path(path)):
        return []
    with _named_errors(Path(path)):
        return _workbook(Path(path)).sheet_names


def read_sheet(path: Path, name: Optional[str]) -> List[list]:
    """Return the rows of a sheet.

    Args:
        path (Path): XLS, XLSX or ODS.
        name (str, optional): Of the sheet; ``None`` for the first.

    Raises:
        ConversionError: If it cannot be read, has no such sheet, or unpacks to more
            than 256 MiB or 20 million cells.
    """
    with _named_errors(path):
        book = _workbook(path)
        sheet = (book.get_sheet_by_index(0) if name is None else
                 book.get_sheet_by_name(name))
        return sheet.to_python(skip_empty_area=False)


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except ConversionError:
        raise
    except Exception as error:
        raise ConversionError(
            f'{path}: not a readable spreadsheet ({error})') from None
    except BaseException as error:
        if type(error).__name__ != 'PanicException':  # of the reader's Rust
            raise
        raise ConversionError(f'{path}: not a readable spreadsheet (damaged)') from None


def _workbook(path: Path) -> CalamineWorkbook:
    if path.suffix.lower() != '.xls':
        _check_size(path)
    return CalamineWorkbook.from_path(path)


def _check_size(path: Path) -> None:
    """Raise for what would take gigabytes; nothing is unpacked into memory."""
    left = _MOST_BYTES
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.is_dir():
                    continue
                with archive.open(member) as file:
                    left -= _check_member(path, member.filename, file, left)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError,
            RuntimeError) as error:
        raise CalamineError(str(error)) from None


def _check_member(path: Path, name: str, file: zipfile.ZipExtFile, left: int) -> int:
    """Return how many bytes a packed file has."""
    size, rest, rows, columns = 0, b'', 1, 1
    of_sheet = '/worksheets/' in name or name == 'content.xml'
    while chunk := file.read(_CHUNK):
        size += len(chunk)
        if size > left:
            raise ConversionError(f'{path}: unpacks to more than {_MOST_BYTES >> 20} '
                                  'MiB; a table of annotations is smaller')
        if not of_sheet:
            continue
        rest += chunk
        for column, row in _PLACE.findall(rest):
            rows, columns = max(rows, int(row)), max(columns, _number(column))
        if rows * columns > _MOST_CELLS or _REPEATED.search(rest):
            raise ConversionError(
                f'{path}: a sheet of {rows} rows and {columns} columns or more; delete '
                'what lies far from the table')
        rest = rest[-_LONGEST_MATCH:]
    return size


def _number(column: bytes) -> int:
    """Return the number of a column such as 'AB'."""
    number = 0
    for letter in column:
        number = number * 26 + letter - 64
    return number
