"""The annotation workbook of CDD-CESM: reading its sheets and its cells."""
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Set, Tuple

from python_calamine import CalamineError, CalamineWorkbook

from .raw_folder import Row, column_key, plain, read_table
from .records import ConversionError

IMAGE_COLUMN = 'Image_name'
COLUMNS = dict(
    image=IMAGE_COLUMN,
    birads='BIRADS|BI-RADS?',
    density='Breast density (ACR)|Breast density?',
    findings='Findings?',
    tags='Tags?',
    pathology='Pathology Classification/ Follow up|Pathology?')

# from the least to the most suspicious; 0 asks for more images before it is told
BIRADS_ORDER = ('1', '2', '3', '0', '4', '4A', '4B', '4C', '5', '6')

# what of a text means which finding; what an earlier one takes, a later one misses
_FINDINGS = tuple((name, re.compile(pattern)) for name, pattern in (
    ('non-mass enhancement', r'\bnon ?mass\w*( enhanc\w*)?'),
    ('mass enhancement', r'\bmass(es)? enhanc\w*|\benhancing mass(es)?\b'),
    ('mass', r'\bmass(es)?\b'),
    ('calcification', r'calcif\w*'),
    ('architectural distortion', r'distort\w*'),
    ('asymmetry', r'\bas+ym+etr\w*'),
    ('postoperative change', r'\bpost ?op\w*'),
    ('change after chemotherapy', r'chemo\w*'),
))
_ABSENT = re.compile(r'\b(no|without|absence)\b')
_NOTHING = ('', '_', '-', 'nan', 'none', 'na')

ImageKey = Tuple[int, str, str, str]


def image_key(name: str) -> Optional[ImageKey]:
    """Return (patient, 'L' or 'R', 'DM' or 'CM', view) of an image's name.

    Blanks, as some names have before their suffix, and case do not matter. ``None``
    for other names.
    """
    match = re.fullmatch(r'p(\d+)_([lr])_(dm|cm)_(cc|mlo)(\.jpe?g)?',
                         re.sub(r'\s+', '', name), re.IGNORECASE)
    if match is None:
        return None
    return (int(match[1]), match[2].upper(), match[3].upper(), match[4].upper())


@dataclass
class ImageFacts:
    """What the workbook says of an image.

    Attributes:
        birads (list[str]): One for each finding, from the least suspicious.
        density (str, optional): The denser, where a cell has two.
        pathologies (set[str]): Of 'normal', 'benign', 'malignant'.
        findings (set[str]): Names of findings.
    """
    birads: List[str] = field(default_factory=list)
    density: Optional[str] = None
    pathologies: Set[str] = field(default_factory=set)
    findings: Set[str] = field(default_factory=set)

    @property
    def pathology(self) -> Optional[str]:
        """str | None: The worst of them."""
        return next((name for name in ('malignant', 'benign', 'normal')
                     if name in self.pathologies), None)


@dataclass
class Workbook:
    """The annotation of all images.

    Attributes:
        rows (list[Row]): Of the sheet that lists all images.
        sheets (dict[str, set[ImageKey]]): Images of the sheet of each finding.
    """
    rows: List[Row]
    sheets: Dict[str, Set[ImageKey]] = field(default_factory=dict)


def read_workbook(path: Path) -> Workbook:
    """Read the annotation.

    Args:
        path (Path): The workbook, or its sheet 'all' saved as CSV.

    Raises:
        ConversionError: If it cannot be read, or a sheet lacks the images' names.
    """
    if path.suffix.lower() == '.csv':
        return Workbook(read_table(path, COLUMNS))
    try:
        book = CalamineWorkbook.from_path(path)
        cells = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False)
                 for name in book.sheet_names}
    except (CalamineError, OSError) as error:
        raise ConversionError(
            f'{path}: not a readable spreadsheet ({error})') from None
    names = list(cells)
    listing = next((name for name in names if column_key(name) == 'all'), names[0])
    rows = _rows(cells[listing], COLUMNS)
    if rows is None:
        raise ConversionError(
            f'{path}: no column {IMAGE_COLUMN!r} in sheet {listing!r}; expected the '
            'workbook of CDD-CESM, or its sheet "all" saved as CSV')
    sheets: Dict[str, Set[ImageKey]] = {}
    for name in names:
        found = findings_of(name)
        if name == listing or len(found) != 1:
            continue
        images = _rows(cells[name], dict(image=IMAGE_COLUMN)) or []
        keys = {image_key(row['image']) for row in images} - {None}
        sheets.setdefault(found.pop(), set()).update(keys)
    return Workbook(rows, sheets)


def _rows(cells: List[list], columns: Dict[str, str]) -> Optional[List[Row]]:
    """Return the rows below the line that names the images' column."""
    for start, header in enumerate(cells):
        keys = [column_key(cell) for cell in header]
        if column_key(IMAGE_COLUMN) in keys:
            break
    else:
        return None
    place = {field: keys.index(column_key(name)) for field, names in columns.items()
             for name in reversed(names.rstrip('?').split('|'))
             if column_key(name) in keys}
    rows = []
    for number, line in enumerate(cells[start + 1:], start + 2):
        row = {field: plain(line[place[field]]) if field in place else ''
               for field in columns}
        if any(row.values()):
            rows.append(dict(row, row=str(number)))
    return rows


def findings_of(text: str) -> Set[str]:
    """Return the findings that a text names and does not deny."""
    found = set()
    for clause in re.split(r'[$.;]', text):
        clause = column_key(clause)
        if _ABSENT.search(clause):
            continue
        for name, pattern in _FINDINGS:
            clause, count = pattern.subn(' ', clause)
            if count:
                found.add(name)
    return found


def is_empty(cell: str) -> bool:
    """Return whether a cell says nothing; the workbook writes '_' for that."""
    return cell.strip().lower() in _NOTHING


def parse_birads(cell: str) -> List[str]:
    """Return the categories of a cell such as ``4$2``, the most suspicious last."""
    text = re.sub(r'bi-?\s?rads', ' ', cell.lower())
    found = re.findall(
        r'(?<![\d.])([0-6])(?:[.,]0+)?(?![\d.])\s?([abc](?![a-z]))?', text)
    values = [number + (letter.upper() if number == '4' else '')
              for number, letter in found]
    return sorted(values, key=BIRADS_ORDER.index)


def parse_density(cell: str) -> Optional[str]:
    """Return the densest category, 'A' to 'D', of a cell of letters or 1 to 4."""
    found = re.findall(r'(?<![a-z0-9])([a-d1-4])(?:\.0)?(?![a-z0-9])', cell.lower())
    return max((dict(zip('1234', 'ABCD')).get(v, v.upper()) for v in found),
               default=None)


def parse_pathologies(cell: str) -> Set[str]:
    """Return which of 'normal', 'benign', 'malignant' a cell names."""
    text = cell.lower()
    return {name for name, start in (('malignant', 'malig'), ('benign', 'benign'),
                                     ('normal', 'normal'))
            if re.search(rf'\b{start}', text)}


def worst(values: Iterable[str]) -> Optional[str]:
    """Return the most suspicious BI-RADS category."""
    return max(values, key=BIRADS_ORDER.index, default=None)
