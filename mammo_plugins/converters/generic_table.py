"""The table for your own data: one row per lesion, or per view without lesions."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mammo_plugins.io.decimals import read_lengths
from mammo_plugins.structures import BIRADS, MODALITIES, PATHOLOGIES

from .cells import is_empty, read_birads, read_density
from .numbers import NumberReader
from .raw_folder import RawFolder, Row, read_whole_table
from .records import Catalogue, RawLesion
from .table_columns import (
    BOX_COLUMNS,
    COLUMNS,
    LESION_COLUMNS,
    NIPPLE,
    VIEW_COLUMNS,
    are_shares,
    find_boxes,
    unused_columns,
)
from .table_files import FileFinder, is_foreign

_COORDINATES = (*BOX_COLUMNS, *NIPPLE)
_WIDEST_SPACING = 2.0  # mm; coarser images show no lesions, and 70 would be micrometres
_SEARCHES = 20  # missing files for which similar names are searched
_NOT_UNDERSTOOD = 'value that is not understood'


def _spacing(text: str) -> tuple[float, float]:
    values = read_lengths([text])
    if values is None or max(values) > _WIDEST_SPACING:
        raise ValueError
    return values[0], values[1]


def _pixels(text: str) -> int:
    value = NumberReader([text]).read(text)
    if value < 1 or value % 1:
        raise ValueError
    return int(value)


def _known(read: Callable[[str], str | None]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        value = read(text)
        if value is None:
            raise ValueError
        return value

    return parse


def _choice(**words: Any) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        key = re.sub(r'[\s_]+', '-', text.lower())
        if key not in words:
            raise ValueError
        return words[key]

    return parse


NORMAL = 'normal'
_PATHOLOGY = (
    _choice(**{p: p for p in PATHOLOGIES}, normal=NORMAL),
    'malignant, benign or normal',
)
# how to read a cell and what to expect in it; other columns are text
_PARSERS: dict[str, tuple[Callable[[str], Any], str]] = {
    'laterality': (_choice(l='L', left='L', r='R', right='R'), 'L or R'),
    'view': (_choice(cc='CC', mlo='MLO'), 'CC or MLO'),
    'modality': (_choice(**{m.lower(): m for m in MODALITIES}), ', '.join(MODALITIES)),
    'part': (
        _choice(
            train='train',
            training='train',
            val='val',
            validation='val',
            test='test',
            testing='test',
        ),
        'train, val or test',
    ),
    'birads': (_known(read_birads), ', '.join(BIRADS)),
    'density': (_known(read_density), 'A to D, or 1 to 4'),
    'pathology': _PATHOLOGY,
    'abnormal': (
        _choice(
            **dict.fromkeys(('true', 'yes', '1'), True),
            **dict.fromkeys(('false', 'no', '0'), False),
        ),
        'yes or no',
    ),
    'pixel_spacing': (_spacing, 'mm, such as 0.07, or row x column, below 2'),
    **dict.fromkeys(('image_width', 'image_height'), (_pixels, 'a number of pixels')),
    'lesion_birads': (_known(read_birads), ', '.join(BIRADS)),
    'lesion_pathology': _PATHOLOGY,
    'category': (str.lower, 'a name'),
}


@dataclass
class Entry:
    """The facts about a file from the table.

    Attributes:
        row (str): The number of its first row.
        cell (str): The cell that names the file.
        facts (dict): Values by column; columns without a value are absent.
        lesions (list[RawLesion]): Its lesions. Their ``lesion_id`` and boxes are as in
            the table; if ``ViewTable.boxes.shares``, boxes are shares of the image's
            size.
        rows (dict[str, str]): The row that each fact comes from.
    """

    row: str
    cell: str
    facts: dict[str, Any] = field(default_factory=dict)
    lesions: list[RawLesion] = field(default_factory=list)
    rows: dict[str, str] = field(default_factory=dict)


class ViewTable:
    """A parsed table of views.

    Args:
        path (Path): CSV, XLSX or another format of :func:`read_table`.

    Attributes:
        name (str): The file's name, for messages.
        used (list[str]): Non-empty columns that are read.
        unused (list[str]): The other columns, each with a guess at its meaning.
        boxes (BoxColumns): How boxes are written.
        nipple_shares (bool): Whether nipple positions are shares of the image's size.
        unread (int): Number of rows with a box that could not be parsed.

    Raises:
        ConversionError: If it cannot be read, lacks a required column, or its box
            columns do not form a box.
    """

    def __init__(self, path: Path) -> None:
        self.name = Path(path).name
        table = read_whole_table(path, COLUMNS)
        for row in table.rows:
            row.update({name: '' for name in COLUMNS if is_empty(row[name])})
        self.rows: list[Row] = table.rows
        self.titles = table.titles
        self._numbers = NumberReader(
            row[name] for row in self.rows for name in _COORDINATES
        )
        self.boxes = find_boxes(table, self._numbers, self.name)
        self.nipple_shares = are_shares(
            [
                [values[name] for name in NIPPLE]
                for values in map(self._parsed, self.rows)
                if set(NIPPLE) <= set(values)
            ]
        )
        ignored = set(BOX_COLUMNS) - set(self.boxes.fields)
        self.used = [
            table.titles[name]
            for name in COLUMNS
            if name not in ignored and any(row[name] for row in self.rows)
        ]
        self.unused = unused_columns(table, self.boxes)
        self._lesion_columns = [name for name in LESION_COLUMNS if name not in ignored]
        self.unread = 0
        self._lost: Counter = Counter()

    def has_parts(self) -> bool:
        """Return whether the table states a part for every file."""
        parts: dict[str, bool] = {}
        for row in self.rows:
            value, fault = self._parse('part', row['part'])
            parts[row['file']] = parts.get(row['file'], False) or (
                value is not None and not fault
            )
        return bool(parts) and all(parts.values())

    def entries(self, folder: RawFolder, catalogue: Catalogue) -> dict[Path, Entry]:
        """Collect the rows of each file.

        Args:
            folder (RawFolder): The folder of the files.
            catalogue (Catalogue): Receives mistakes as skips, each with its row and
                column.

        Returns:
            dict[Path, Entry]: Entries by file, relative to the folder, in the table's
            order.
        """
        files = FileFinder(folder)
        entries: dict[Path, Entry] = {}
        seen: dict[tuple, str] = {}
        for row in self.rows:
            first = seen.setdefault(tuple(row[name] for name in COLUMNS), row['row'])
            if first != row['row']:
                catalogue.skip(
                    f'{self.name}: row {row["row"]}',
                    'duplicate row',
                    f'{row["file"]}: the same as row {first}',
                )
                continue
            file = self._file(row, 'file', files, catalogue)
            if file is None:
                continue
            if not row['patient'] and file not in entries:
                self._mistake(
                    catalogue, row, 'patient', 'cell that is needed is empty', file
                )
                continue
            values = self._values(row, file, catalogue)
            entry = entries.setdefault(file, Entry(row['row'], row['file']))
            if (
                is_foreign(entry.cell)
                and is_foreign(row['file'])
                and (row['file'] != entry.cell)
            ):
                self._mistake(
                    catalogue,
                    row,
                    'file',
                    'file of two names',
                    file,
                    f"'{row['file']}', but '{entry.cell}' in row {entry.row}",
                )
                continue
            self._add_facts(entry, row, values, file, catalogue)
            if any(row[name] for name in self._lesion_columns):
                lesion = self._lesion(row, values, file, files, catalogue)
                if lesion is not None:
                    self._add_lesion(entry, lesion, row, file, catalogue)
        return entries

    def _mistake(
        self,
        catalogue: Catalogue,
        row: Row,
        column: str,
        reason: str,
        file: Any,
        detail: str = '',
    ) -> None:
        column = self.titles.get(column, column)
        catalogue.skip(
            f'{self.name}: row {row["row"]}, column {column}',
            reason,
            f'{file}: {detail}' if detail else str(file),
        )

    def _file(
        self, row: Row, column: str, files: FileFinder, catalogue: Catalogue
    ) -> Path | None:
        if not row[column]:
            self._mistake(catalogue, row, column, 'cell that is needed is empty', '-')
            return None
        found = files.find(row[column])
        if len(found) == 1:
            return found[0]
        reason, near = 'name that several files have', list(map(str, found[:3]))
        if not found:
            self._lost[column] += 1
            reason = 'missing file'
            near = files.near(row[column]) if self._lost[column] <= _SEARCHES else []
        self._mistake(
            catalogue,
            row,
            column,
            reason,
            f"'{row[column]}'",
            ', '.join(near) and f'there is {", ".join(near)}',
        )
        return None

    def _values(self, row: Row, file: Path, catalogue: Catalogue) -> dict[str, Any]:
        values = {}
        for column in COLUMNS:
            value, fault = self._parse(column, row[column])
            if fault:
                self._mistake(
                    catalogue,
                    row,
                    column,
                    _NOT_UNDERSTOOD,
                    file,
                    f"'{row[column]}'; expected {fault}",
                )
            elif value is not None:
                values[column] = value
        for one, other in (NIPPLE, NIPPLE[::-1]):
            if one in values and other not in values and not row[other]:
                self._mistake(catalogue, row, other, 'half of a point', file)
        if not set(NIPPLE) <= set(values):
            values.pop('nipple_x', None)
            values.pop('nipple_y', None)
        return values

    def _parsed(self, row: Row) -> dict[str, Any]:
        parsed = {name: self._parse(name, row[name])[0] for name in NIPPLE}
        return {name: value for name, value in parsed.items() if value is not None}

    def _parse(self, column: str, text: str) -> tuple[Any, str]:
        """Return (value, ''), or (None, the expected form)."""
        if not text or (column in BOX_COLUMNS and column not in self.boxes.fields):
            return None, ''
        parser, expected = _PARSERS.get(column, (str, ''))
        if column in _PARSERS and column != 'category' and text.lower() == 'unknown':
            return None, ''
        if column in _COORDINATES:
            parser, expected = self._numbers.read, 'a number of pixels'
        try:
            return parser(text), ''
        except ValueError as error:
            return None, str(error) or expected

    def _add_facts(
        self,
        entry: Entry,
        row: Row,
        values: dict[str, Any],
        file: Path,
        catalogue: Catalogue,
    ) -> None:
        for column in VIEW_COLUMNS:
            if column == 'file' or column not in values:
                continue
            old = entry.facts.setdefault(column, values[column])
            first = entry.rows.setdefault(column, row['row'])
            if old != values[column]:
                self._mistake(
                    catalogue,
                    row,
                    column,
                    'value that contradicts an earlier row',
                    file,
                    f'{values[column]!r}, but {old!r} in row {first}, which is taken',
                )

    def _lesion(
        self,
        row: Row,
        values: dict[str, Any],
        file: Path,
        files: FileFinder,
        catalogue: Catalogue,
    ) -> RawLesion | None:
        mask = self._file(row, 'mask', files, catalogue) if row['mask'] else None
        box = self._box(row, values, file, catalogue)
        if mask is None and box is None:
            if not any(row[name] for name in (*self.boxes.fields, 'mask')):
                self._mistake(
                    catalogue,
                    row,
                    (*self.boxes.fields, 'x1')[0],
                    'lesion without a box or mask',
                    file,
                )
            return None
        category = values.get('category')
        if category is None:
            if any(row['category'] for row in self.rows):
                self._mistake(
                    catalogue, row, 'category', 'cell that is needed is empty', file
                )
                return None
            category = 'mass'
        pathology = values.get('lesion_pathology')
        return RawLesion(
            category,
            box=box,
            mask_file=mask,
            birads=values.get('lesion_birads'),
            pathology=None if pathology == NORMAL else pathology,
            lesion_id=values.get('lesion_id'),
        )

    def _add_lesion(
        self,
        entry: Entry,
        lesion: RawLesion,
        row: Row,
        file: Path,
        catalogue: Catalogue,
    ) -> None:
        """Add a new lesion, or this row's facts to the lesion of an earlier row."""
        for i, known in enumerate(entry.lesions):  # noqa: B007 used below
            if (known.category, known.box, known.mask_file) == (
                lesion.category,
                lesion.box,
                lesion.mask_file,
            ):
                break
        else:
            entry.lesions.append(lesion)
            return
        facts = {
            name: (getattr(known, name), getattr(lesion, name))
            for name in ('birads', 'pathology', 'lesion_id')
        }
        clash = [
            f'{name} {new}, but {old} before'
            for name, (old, new) in facts.items()
            if None not in (old, new) and old != new
        ]
        entry.lesions[i] = replace(
            known,
            **{name: new if old is None else old for name, (old, new) in facts.items()},
        )
        catalogue.skip(
            f'{self.name}: row {row["row"]}',
            'row that contradicts an earlier one of its lesion'
            if clash
            else 'row that repeats a lesion',
            f'{file}: '
            + (
                ', '.join(clash) + '; the earlier is kept'
                if clash
                else 'same category and outline'
            ),
        )

    def _box(
        self, row: Row, values: dict[str, Any], file: Path, catalogue: Catalogue
    ) -> tuple[float, float, float, float] | None:
        fields = self.boxes.fields
        lacking = [name for name in fields if name not in values]
        empty = [name for name in lacking if not row[name]]
        if lacking:
            if 0 < len(empty) < 4:
                self._mistake(catalogue, row, empty[0], 'incomplete box', file)
            self.unread += len(empty) < 4
            return None
        if not fields:
            return None
        box = self.boxes.corners([values[name] for name in fields])
        fault = self._box_fault(box)
        if fault:
            i, reason = fault
            shown = ' '.join(f'{self.titles[name]} {row[name]}' for name in fields)
            self._mistake(catalogue, row, fields[i], reason, file, shown)
            return None
        return box

    def _box_fault(self, box: tuple[float, ...]) -> tuple[int, str] | None:
        """Return the faulty column's index in the box, and what is wrong."""
        sides = [box[i + 2] - box[i] for i in range(2)]
        for i, side in enumerate(sides, 2):
            if side < 0:
                return i, 'box that ends before it starts'
            if side == 0:
                return i, 'box without width or height'
        if not self.boxes.shares and are_shares([box]):
            return 0, 'box in fractions of the image, in a table of pixels'
        if not self.boxes.shares and min(sides) < 1:
            return 2 + (sides[1] < 1), 'box of less than a pixel'
        return None
