"""Reading the sheets and cells of CDD-CESM's annotation workbook."""

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

# patterns for each finding; text matched by an earlier one is not searched again
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
    """Parse an image name: (patient, 'L' or 'R', 'DM' or 'CM', view, number).

    The number marks further images of a view, with names such as ``P99_L_DM_MLO_2`` and
    ``P1_L_DM_MLO2``; it is 0 if the name has none. Case and blanks, which some names
    have before their suffix, are ignored. Other names give ``None``.
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
    """Facts about an image from the workbook.

    Attributes:
        birads (list[str]): One category per finding, least suspicious first.
        density (str, optional): The denser one if a cell has two.
        pathologies (set[str]): Some of 'normal', 'benign', 'malignant'.
        findings (set[str]): Names of the findings.
    """

    birads: list[str] = field(default_factory=list)
    density: str | None = None
    pathologies: set[str] = field(default_factory=set)
    findings: set[str] = field(default_factory=set)

    @property
    def pathology(self) -> str | None:
        """str | None: The most severe pathology."""
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
    """The annotations of all images.

    Attributes:
        rows (list[Row]): Rows of the sheet that lists all images.
        sheets (dict[str, set[ImageKey]]): Images that each finding's sheet lists.
    """

    rows: list[Row]
    sheets: dict[str, set[ImageKey]] = field(default_factory=dict)


def read_workbook(path: Path) -> Workbook:
    """Read the annotation workbook.

    Args:
        path (Path): The workbook, or its sheet 'all' saved as CSV.

    Raises:
        ConversionError: If it cannot be read, or a sheet lacks the image names.
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
    """Return the findings that a text names without negating them."""
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
