"""Finding the files and reading the tables of a raw data set."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from mammo_plugins.io import IrregularFileError, open_regular, walk_folder
from mammo_plugins.structures.fields import shown

from .records import Catalogue, ConversionError
from .spreadsheets import is_sheet, read_sheet

Row = dict[str, str]

_SHOWN, _NAMES = 20, 3  # columns listed in an error, and names listed per wanted column
_MOST_COLUMNS = 2**14  # the limit of spreadsheets
_LONGEST_CELL = 2**24  # an outline of many points exceeds the 128 KiB of csv


class RawFolder:
    """The files of a raw data set, found regardless of case.

    Linked folders are searched too, each once (:func:`~mammo_plugins.io.walk_folder`).

    Args:
        root (str | Path): The raw folder.
        expected (str): What it should contain, for error messages.

    Raises:
        ConversionError: If the folder does not exist.
    """

    def __init__(self, root: str | Path, expected: str) -> None:
        self.root = Path(root)
        self.expected = expected
        if not self.root.is_dir():
            raise ConversionError(f'{root}: no such folder; expected {expected}')
        walked = walk_folder(self.root)
        self.files: list[Path] = [self._relative(file) for file in walked.files]
        self._left_out = [
            (self._relative(path), reason) for path, reason in walked.left_out
        ]

    def _relative(self, path: Path) -> Path:
        return path.relative_to(self.root)

    def new_catalogue(self) -> Catalogue:
        """Return a catalogue that lists only what could not be searched."""
        catalogue = Catalogue()
        for path, reason in self._left_out:
            catalogue.skip(path, reason)
        return catalogue

    def matching(self, pattern: str) -> list[Path]:
        """Return the files whose whole relative path matches, ignoring case.

        Args:
            pattern (str): A regular expression; ``/`` separates folders.

        Returns:
            list[Path]: Relative to the root, sorted.
        """
        compiled = re.compile(pattern, re.IGNORECASE)
        return [file for file in self.files if compiled.fullmatch(file.as_posix())]

    def one(self, pattern: str, what: str, required: bool = True) -> Path | None:
        """Return the only file that matches.

        Args:
            pattern (str): As in :meth:`matching`.
            what (str): What the file contains, for the message.
            required (bool): Whether its absence is an error. Defaults to True.

        Raises:
            ConversionError: If a required file is missing, or several files match.
        """
        found = self.matching(pattern)
        if len(found) == 1:
            return found[0]
        if not found and not required:
            return None
        problem = 'no' if not found else f'{len(found)} files that look like the'
        shown = f' ({", ".join(map(str, found[:3]))})' if found else ''
        raise ConversionError(
            f'{self.root}: {problem} {what}{shown}; expected {self.expected}'
        )

    def table(self, file: Path, columns: dict[str, str]) -> list[Row]:
        """Read a table of the folder; see :func:`read_table`."""
        return read_table(self.root / file, columns)

    def first_table(
        self, files: Iterable[Path], columns: dict[str, str], catalogue: Catalogue
    ) -> tuple[Path, list[Row]] | None:
        """Read the first table that can be read.

        Args:
            files (iterable[Path]): Relative to the root, the most likely first.
            columns (dict[str, str]): As in :func:`read_table`.
            catalogue (Catalogue): Receives the tables before it as skips.

        Returns:
            tuple | None: (file, rows), ``None`` if there are no files.

        Raises:
            ConversionError: The first table's error, if no table can be read.
        """
        first = None
        for file in files:
            try:
                return file, self.table(file, columns)
            except ConversionError as error:
                first = first or error
                catalogue.skip(file, 'table that cannot be read', str(error))
        if first is not None:
            raise first
        return None


def plain(text: object) -> str:
    """Return a cell's text without line breaks, repeated spaces and BOM."""
    if text is None:
        return ''
    if isinstance(text, float) and text.is_integer():
        text = int(text)  # spreadsheets store whole numbers as floats
    return ' '.join(str(text).replace('\ufeff', '').split())


def column_key(name: object) -> str:
    """Return a column's name for comparison: letters and digits in lower case."""
    return re.sub(r'[^a-z0-9]+', ' ', plain(name).lower()).strip()


class Table(NamedTuple):
    """A parsed table.

    Attributes:
        rows (list[dict[str, str]]): As :func:`read_table` returns them.
        titles (dict[str, str]): The file's column title of each field; fields without a
            column are absent.
        others (dict[str, list[str]]): The cells of each column without a field, by
            title; empty columns are left out.
    """

    rows: list[Row]
    titles: dict[str, str]
    others: dict[str, list[str]]


def read_table(
    path: str | Path, columns: dict[str, str], sheet: str | None = None
) -> list[Row]:
    """Read a CSV, XLS, XLSX or ODS table.

    The header is the first line that names all wanted columns; case, punctuation,
    blanks and order do not matter. Delimiter and encoding of a CSV are detected: UTF-8,
    Windows-1252, or UTF-16 and UTF-32 with a byte order mark. Cells are stripped, line
    breaks in them become spaces; rows without a value are left out.

    Args:
        path (str | Path): The table.
        columns (dict[str, str]): The column name of each wanted field, or alternatives
            as ``'a|b'``, of which the first that exists is used; a name that ends in
            ``?`` is optional.
        sheet (str, optional): The sheet of a spreadsheet. Defaults to ``None``, the
            first.

    Returns:
        list[dict[str, str]]: Rows by field, '' for an empty cell or a missing column,
        with ``'row'``, the row's number in the file from 1.

    Raises:
        ConversionError: If the file cannot be read or a column is missing.
    """
    return _read(Path(path), columns, sheet, whole=False).rows


def read_whole_table(
    path: str | Path, columns: dict[str, str], sheet: str | None = None
) -> Table:
    """Read a table with the columns not requested too; see :func:`read_table`."""
    return _read(Path(path), columns, sheet, whole=True)


def _read(path: Path, columns: dict[str, str], sheet: str | None, whole: bool) -> Table:
    try:
        open_regular(path).close()
    except IrregularFileError as error:  # reading a FIFO would block
        raise ConversionError(str(error)) from None
    except OSError as error:
        raise ConversionError(f'{path}: cannot be read ({error.strerror})') from None
    rows = enumerate(read_sheet(path, sheet) if is_sheet(path) else _csv(path), 1)
    wanted: dict[str, list[tuple[int, str]]] = {}
    for field, names in columns.items():
        for rank, name in enumerate(names.rstrip('?').split('|')):
            wanted.setdefault(_squeezed(name), []).append((rank, field))
    needed = [field for field, name in columns.items() if not name.endswith('?')]
    missing, nearest = needed, []
    for _, header in rows:
        place = _place(header, wanted)
        lacking = [field for field in needed if field not in place]
        if not lacking:
            others = {
                i: [] for i in range(len(header)) if whole and i not in place.values()
            }
            return Table(
                _rows(rows, place, columns, others),
                {field: plain(header[i]) for field, i in place.items()},
                {
                    plain(header[i]) or f'column {i + 1}': cells
                    for i, cells in others.items()
                    if any(cells)
                },
            )
        nearest = nearest or (header if any(map(plain, header)) else [])
        if len(lacking) < len(missing):
            missing, nearest = lacking, header
    named = {
        field: ' or '.join(map(repr, columns[field].split('|')[:_NAMES]))
        for field in needed
    }
    there = ', '.join(shown(plain(cell)) for cell in nearest[:_SHOWN] if plain(cell))
    raise ConversionError(
        f'{path}{f", sheet {sheet!r}" if sheet else ""}: no column '
        f'{", ".join(named[field] for field in missing)}; expected a table with '
        f'{", ".join(named.values())}' + (there and f'; there is {there}')
    )


def _squeezed(name: object) -> str:
    return column_key(name).replace(' ', '')


def _place(header: list, wanted: dict[str, list[tuple[int, str]]]) -> dict[str, int]:
    """Return the index of each field's column; earlier alternatives are preferred."""
    found: dict[str, tuple[int, int]] = {}
    for i, cell in enumerate(header):
        for rank, field in wanted.get(_squeezed(cell), ()):
            found[field] = min(found.get(field, (rank, i)), (rank, i))
    return {field: i for field, (_, i) in found.items()}


def _rows(
    rows: Iterator[tuple[int, list]],
    place: dict[str, int],
    fields: Iterable[str],
    others: dict[int, list[str]],
) -> list[Row]:
    """Return the rows by field; add the other cells to their columns."""
    read = []
    for number, cells in rows:
        row = dict.fromkeys(fields, '')
        for field, i in place.items():
            row[field] = plain(cells[i]) if i < len(cells) else ''
        if any(row.values()):
            read.append(dict(row, row=str(number)))
        for i, column in others.items():
            if i < len(cells):
                column.append(plain(cells[i]))
    return read


def _csv(path: Path) -> Iterator[list]:
    """Yield the rows one by one, since tables may be larger than the part needed."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConversionError(f'{path}: cannot be read ({error.strerror})') from None
    encoding = _encoding(path, data)

    def text() -> io.TextIOWrapper:
        return io.TextIOWrapper(io.BytesIO(data), encoding, 'replace', newline='')

    first = next((line for line in text() if re.search('[,;\t]', line)), '')
    delimiter = max(',;\t', key=first.count)
    csv.field_size_limit(_LONGEST_CELL)
    rows = csv.reader(text(), delimiter=delimiter)
    began = number = 0
    try:
        for number, row in enumerate(rows, 1):
            if len(row) > _MOST_COLUMNS:
                raise ConversionError(
                    f'{path}: row {number} has {len(row)} columns; expected a table '
                    f'of {_MOST_COLUMNS} at most'
                )
            lines, began = rows.line_num - began, rows.line_num
            yield row
    except csv.Error as error:
        raise ConversionError(f'{path}: not a readable CSV ({error})') from None
    if number and lines > 1 and data.count(b'"') % 2:
        raise ConversionError(
            f'{path}: row {number}: an unclosed quotation mark (") swallows all '
            'lines up to the end'
        )


def _encoding(path: Path, data: bytes) -> str:
    """Return a CSV's encoding, which decodes all bytes unless it is cp1252.

    Raises:
        ConversionError: If it is UTF-16 or UTF-32 without a byte order mark, or Unicode
            text that is damaged or truncated.
    """
    encoding = json.detect_encoding(data)
    name = encoding.upper()[:6].removesuffix('-')
    marked = encoding in ('utf-16', 'utf-32', 'utf-8-sig')  # as Excel saves text
    if not marked and (encoding != 'utf-8' or data.count(b'\0') > len(data) / 32):
        raise ConversionError(
            f'{path}: is in {"UTF-16 or UTF-32" if encoding == "utf-8" else name} '
            'without a byte order mark, or damaged (it holds NUL bytes); save it in '
            'UTF-8'
        )
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        # a final Windows-1252 letter is one byte; in UTF-8 it follows others
        cut = (
            error.end >= len(data)
            and error.reason == 'unexpected end of data'
            and not data[: error.start].isascii()
        )
        if not marked and not cut:
            return 'cp1252'
        raise ConversionError(
            f'{path}: is in {name}, but damaged at byte {error.start} or cut short; '
            'copy it again from its source, or save it in UTF-8'
        ) from None
    return encoding
