"""The annotation workbook of CDD-CESM: reading its sheets and its cells."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from .raw_folder import Row, column_key, read_table
from .records import ConversionError
from .spreadsheets import sheet_names

IMAGE_COLUMN = 'Image_name'
COLUMNS = dict(
    image=IMAGE_COLUMN,
    birads='BIRADS|BI-RADS?',
    density='Breast density (ACR)|Breast density?',
    findings='Findings?',
    tags='Tags?',
    pathology='Pathology Classification/ Follow up|Pathology?',
)

# what of a text means which finding; what an earlier one takes, a later one misses
_FINDINGS = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ('non-mass enhancement', r'\bnon ?mass\w*( enhanc\w*)?'),
        ('mass enhancement', r'\bmass(es)? enhanc\w*|\benhancing mass(es)?\b'),
        ('mass', r'\bmass(es)?\b'),
        ('calcification', r'calcif\w*'),
        ('architectural distortion', r'distort\w*'),
        ('asymmetry', r'\bas+ym+etr\w*'),
        ('postoperative change', r'\bpost ?op\w*'),
        ('change after chemotherapy', r'chemo\w*'),
    )
)
_ABSENT = re.compile(r'\b(no|without|absence)\b')

ImageKey = tuple[int, str, str, str, int]


def image_key(name: str) -> ImageKey | None:
    """Return (patient, 'L' or 'R', 'DM' or 'CM', view, number) of an image's name.

    The number tells further images of a view, which are named such as
    ``P99_L_DM_MLO_2`` and ``P1_L_DM_MLO2``; it is 0 where there is none. Blanks, as
    some names have before their suffix, and case do not matter. ``None`` for other
    names.
    """
    match = re.fullmatch(
        r'p(\d+)_([lr])_(dm|cm)_(cc|mlo)(?:_?(\d+))?(\.jpe?g)?',
        re.sub(r'\s+', '', name),
        re.IGNORECASE,
    )
    if match is None:
        return None
    return (
        int(match[1]),
        match[2].upper(),
        match[3].upper(),
        match[4].upper(),
        int(match[5] or 0),
    )


@dataclass
class ImageFacts:
    """What the workbook says of an image.

    Attributes:
        birads (list[str]): One for each finding, from the least suspicious.
        density (str, optional): The denser, where a cell has two.
        pathologies (set[str]): Of 'normal', 'benign', 'malignant'.
        findings (set[str]): Names of findings.
    """

    birads: list[str] = field(default_factory=list)
    density: str | None = None
    pathologies: set[str] = field(default_factory=set)
    findings: set[str] = field(default_factory=set)

    @property
    def pathology(self) -> str | None:
        """str | None: The worst of them."""
        return next(
            (
                name
                for name in ('malignant', 'benign', 'normal')
                if name in self.pathologies
            ),
            None,
        )


@dataclass
class Workbook:
    """The annotation of all images.

    Attributes:
        rows (list[Row]): Of the sheet that lists all images.
        sheets (dict[str, set[ImageKey]]): Images of the sheet of each finding.
    """

    rows: list[Row]
    sheets: dict[str, set[ImageKey]] = field(default_factory=dict)


def read_workbook(path: Path) -> Workbook:
    """Read the annotation.

    Args:
        path (Path): The workbook, or its sheet 'all' saved as CSV.

    Raises:
        ConversionError: If it cannot be read, or a sheet lacks the images' names.
    """
    names = sheet_names(path)
    listing = next(
        (name for name in names if column_key(name) == 'all'),
        names[0] if names else None,
    )
    workbook = Workbook(read_table(path, COLUMNS, listing))
    for name in names:
        found = findings_of(name)
        if name != listing and len(found) == 1:
            workbook.sheets.setdefault(found.pop(), set()).update(_images(path, name))
    return workbook


def _images(path: Path, sheet: str) -> set[ImageKey]:
    try:
        rows = read_table(path, dict(image=IMAGE_COLUMN), sheet)
    except ConversionError:
        return set()  # a sheet that lists no images
    return {image_key(row['image']) for row in rows} - {None}


def findings_of(text: str) -> set[str]:
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


def parse_pathologies(cell: str) -> set[str]:
    """Return which of 'normal', 'benign', 'malignant' a cell names."""
    text = cell.lower()
    return {
        name
        for name, start in (
            ('malignant', 'malig'),
            ('benign', 'benign'),
            ('normal', 'normal'),
        )
        if re.search(rf'\b{start}', text)
    }
