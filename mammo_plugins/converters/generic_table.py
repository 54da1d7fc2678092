"""The table of one's own data: a row a lesion, or a view without lesions."""
import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

from mammo_plugins.structures import BIRADS, MODALITIES, PATHOLOGIES

from .cells import read_birads, read_density
from .raw_folder import RawFolder, Row, plain, read_table
from .records import Catalogue, RawLesion

COLUMNS = {
    name: name + ('' if name in ('file', 'patient') else '?')
    for name in ('file', 'patient', 'exam', 'laterality', 'view', 'modality', 'part',
                 'birads', 'density', 'pathology', 'abnormal', 'nipple_x', 'nipple_y',
                 'pixel_spacing', 'x1', 'y1', 'x2', 'y2', 'mask', 'category',
                 'lesion_birads', 'lesion_pathology', 'lesion_id')
}
_VIEW_COLUMNS = tuple(COLUMNS)[1:14]
_LESION_COLUMNS = tuple(COLUMNS)[14:]
_BOX = ('x1', 'y1', 'x2', 'y2')


def _number(text: str) -> float:
    value = float(text.replace(',', '.'))
    if not math.isfinite(value):
        raise ValueError
    return value


def _spacing(text: str) -> Tuple[float, float]:
    values = [_number(part) for part in re.split(r'[\sx;/\\]+', text.lower())]
    if len(values) > 2 or min(values) <= 0:
        raise ValueError
    return values[0], values[-1]


def _known(read: Callable[[str], Optional[str]]) -> Callable[[str], str]:
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


_PATHOLOGY = (_choice(**{p: p for p in PATHOLOGIES}, normal=None),
              'malignant, benign or normal')
# how a cell is read, and what is expected of it; other columns are text
_PARSERS: Dict[str, Tuple[Callable[[str], Any], str]] = {
    'laterality': (_choice(l='L', left='L', r='R', right='R'), 'L or R'),
    'view': (_choice(cc='CC', mlo='MLO'), 'CC or MLO'),
    'modality': (_choice(**{m.lower(): m for m in MODALITIES}), ', '.join(MODALITIES)),
    'part': (_choice(train='train', training='train', val='val', validation='val',
                     test='test', testing='test'), 'train, val or test'),
    'birads': (_known(read_birads), ', '.join(BIRADS)),
    'density': (_known(read_density), 'A to D, or 1 to 4'),
    'pathology': _PATHOLOGY,
    'abnormal': (_choice(**dict.fromkeys(('true', 'yes', '1'), True),
                         **dict.fromkeys(('false', 'no', '0'), False)), 'yes or no'),
    'pixel_spacing': (_spacing, 'mm, such as 0.07, or row x column'),
    'lesion_birads': (_known(read_birads), ', '.join(BIRADS)),
    'lesion_pathology': _PATHOLOGY,
    'category': (str.lower, 'a name'),
    **dict.fromkeys((*_BOX, 'nipple_x', 'nipple_y'), (_number, 'a number of pixels')),
}


@dataclass
class Entry:
    """What the table says of a file.

    Attributes:
        row (str): The number of its first row.
        facts (dict): Value by column; columns without one are not there.
        lesions (list[RawLesion]): Its lesions; their ``lesion_id`` is the table's.
    """
    row: str
    facts: Dict[str, Any] = field(default_factory=dict)
    lesions: List[RawLesion] = field(default_factory=list)
    rows: Dict[str, str] = field(default_factory=dict)


class ViewTable:
    """A table of views, read.

    Args:
        path (Path): CSV, XLSX or another format of :func:`read_table`.

    Attributes:
        name (str): Of the file, for messages.
        used (list[str]): Columns that hold anything.

    Raises:
        ConversionError: If it cannot be read or lacks a required column.
    """

    def __init__(self, path: Path) -> None:
        self.name = Path(path).name
        self.rows: List[Row] = read_table(path, COLUMNS)
        self.used = [name for name in COLUMNS if any(row[name] for row in self.rows)]

    def has_parts(self) -> bool:
        """Return whether every file has a part."""
        parts: Dict[str, bool] = {}
        for row in self.rows:
            value, fault = _parse('part', row['part'])
            parts[row['file']] = parts.get(row['file'], False) or (
                value is not None and not fault)
        return bool(parts) and all(parts.values())

    def entries(self, folder: RawFolder, catalogue: Catalogue) -> Dict[Path, Entry]:
        """Gather the rows of each file.

        Args:
            folder (RawFolder): Where the files are.
            catalogue (Catalogue): Mistakes are added to its skips, each with its
                row and column.

        Returns:
            dict[Path, Entry]: By file, relative to the folder, in the order of the
            table.
        """
        files = _FileFinder(folder)
        entries: Dict[Path, Entry] = {}
        for row in self.rows:
            file = self._file(row, 'file', files, catalogue)
            if file is None:
                continue
            if not row['patient'] and file not in entries:
                self._mistake(catalogue, row, 'patient', 'cell that is needed is empty',
                              file)
                continue
            values = self._values(row, file, catalogue)
            entry = entries.setdefault(file, Entry(row['row']))
            self._add_facts(entry, row, values, file, catalogue)
            if any(row[name] for name in _LESION_COLUMNS):
                lesion = self._lesion(row, values, file, files, catalogue)
                if lesion is not None:
                    entry.lesions.append(lesion)
        return entries

    def _mistake(self, catalogue: Catalogue, row: Row, column: str, reason: str,
                 file: Any, detail: str = '') -> None:
        catalogue.skip(f'{self.name}: row {row["row"]}, column {column}', reason,
                       f'{file}: {detail}' if detail else str(file))

    def _file(self, row: Row, column: str, files: '_FileFinder',
              catalogue: Catalogue) -> Optional[Path]:
        if not row[column]:
            self._mistake(catalogue, row, column, 'cell that is needed is empty', '-')
            return None
        found = files.find(row[column])
        if len(found) != 1:
            reason = 'name that several files have' if found else (
                'file that is not there')
            self._mistake(catalogue, row, column, reason, row[column],
                          ', '.join(map(str, found[:3])))
            return None
        return found[0]

    def _values(self, row: Row, file: Path, catalogue: Catalogue) -> Dict[str, Any]:
        values = {}
        for column in COLUMNS:
            value, fault = _parse(column, row[column])
            if fault:
                self._mistake(catalogue, row, column, 'value that is not understood',
                              file, f'{row[column]!r}; expected {fault}')
            elif value is not None:
                values[column] = value
        if ('nipple_x' in values) != ('nipple_y' in values):
            lacking = 'nipple_y' if 'nipple_x' in values else 'nipple_x'
            if not row[lacking]:
                self._mistake(catalogue, row, lacking, 'half of a point', file)
            values.pop('nipple_x', None)
            values.pop('nipple_y', None)
        return values

    def _add_facts(self, entry: Entry, row: Row, values: Dict[str, Any], file: Path,
                   catalogue: Catalogue) -> None:
        for column in _VIEW_COLUMNS:
            if column not in values:
                continue
            old = entry.facts.setdefault(column, values[column])
            first = entry.rows.setdefault(column, row['row'])
            if old != values[column]:
                self._mistake(
                    catalogue, row, column, 'value that contradicts an earlier row',
                    file, f'{values[column]!r}, but {old!r} in row {first}, which is '
                    'taken')

    def _lesion(self, row: Row, values: Dict[str, Any], file: Path,
                files: '_FileFinder', catalogue: Catalogue) -> Optional[RawLesion]:
        mask = self._file(row, 'mask', files, catalogue) if row['mask'] else None
        box = self._box(row, values, file, catalogue)
        if mask is None and box is None:
            if not any(row[name] for name in (*_BOX, 'mask')):
                self._mistake(catalogue, row, 'x1', 'lesion without a box or mask',
                              file)
            return None
        category = values.get('category')
        if category is None:
            if 'category' in self.used:
                self._mistake(catalogue, row, 'category',
                              'cell that is needed is empty', file)
                return None
            category = 'mass'
        return RawLesion(
            category,
            box=box,
            mask_file=mask,
            birads=values.get('lesion_birads'),
            pathology=values.get('lesion_pathology'),
            lesion_id=values.get('lesion_id'))

    def _box(self, row: Row, values: Dict[str, Any], file: Path,
             catalogue: Catalogue) -> Optional[Tuple[float, float, float, float]]:
        lacking = [name for name in _BOX if name not in values]
        empty = [name for name in lacking if not row[name]]
        if lacking:
            if 0 < len(empty) < 4:
                self._mistake(catalogue, row, empty[0], 'incomplete box', file)
            return None
        x1, y1, x2, y2 = (values[name] for name in _BOX)
        for column, low, high in (('x2', x1, x2), ('y2', y1, y2)):
            if high <= low:
                self._mistake(catalogue, row, column, 'box that ends before it starts',
                              file, f'from {low:g} to {high:g}')
                return None
        return x1, y1, x2, y2


def _parse(column: str, text: str) -> Tuple[Any, str]:
    """Return (value, ''), or (None, what is expected)."""
    if not text:
        return None, ''
    parser, expected = _PARSERS.get(column, (str, ''))
    try:
        return parser(text), ''
    except ValueError:
        return None, expected


class _FileFinder:
    """Finds the files that cells name, whatever their case and slashes.

    A cell names a path below the folder, the end of one, or an absolute path in it.
    """

    def __init__(self, folder: RawFolder) -> None:
        self.root = plain(folder.root.resolve().as_posix())
        self.exact = {plain(file.as_posix()): file for file in folder.files}
        self.by_name: Dict[str, List[Path]] = defaultdict(list)
        for file in folder.files:
            self.by_name[plain(file.name).lower()].append(file)

    def find(self, cell: str) -> List[Path]:
        text = cell.replace('\\', '/')
        if text.startswith(self.root + '/'):
            text = text[len(self.root) + 1:]
        text = re.sub(r'^(\./)+', '', text)
        if text in self.exact:
            return [self.exact[text]]
        text = text.lower()
        ends = [file for file in self.by_name[text.rpartition('/')[2]]
                if f'/{plain(file.as_posix())}'.lower().endswith('/' + text)]
        whole = [file for file in ends if plain(file.as_posix()).lower() == text]
        return whole or ends
