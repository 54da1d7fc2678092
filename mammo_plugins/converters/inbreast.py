"""INbreast: full-field digital mammograms with outlines of lesions.

The release (Moreira et al., INbreast: toward a full-field digital mammographic
database, Academic Radiology 19(2):236-248, 2012; the readme of "INbreast Release 1.0")
contains:

- ``AllDICOMs/<file id>_<patient>_MG_<L|R>_<CC|ML>_ANON.dcm``. ``ML`` stands for
  MLO. ``<patient>`` is the only pseudonym, since the tables state 'removed'. The files
  in circulation were rewritten without the mammography unit's header: Modality OT, 16
  bits stored although 12 are used, and no side, view or pixel spacing.
- ``AllXML/<file id>.xml``, an OsiriX property list: ``Images[].ROIs[]`` with
  ``Name``, ``NumberOfPoints`` and ``Point_px``, strings '(x, y)' in pixels.
  OsiriX puts pixel centres at k + 0.5 (its DCMPix subtracts half a pixel), which
  matches our continuous pixels. Views of BI-RADS 1 have no such file.
- ``INbreast.xls``, or ``INbreast.csv`` with semicolons and fewer columns:
  Laterality, View, Acquisition date (YYYYMM), File Name (the file id), ACR
  (density 1 to 4), Bi-Rads (1 to 6 with 4a, 4b, 4c), Mass and others marked X,
  Lesion Annotation Status. The XLS ends in a blank row and one of totals.
- ``PectoralMuscle``, ``AllROI`` and ``MedicalReports``, which are not used.

Rules are in docs/how_to/datasets/inbreast.md.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from mammo_plugins.structures.categories import INBREAST

from .base import Converter
from .cells import read_birads, read_density
from .inbreast_files import PIXEL_MM, Region, RegionError, mend_dicom, read_regions
from .raw_folder import RawFolder, Row
from .records import Catalogue, ConversionError, RawLesion, RawView

_EXPECTED = (
    'the unpacked INbreast release: AllDICOMs/<file id>_<patient>_MG_<L or '
    'R>_<CC or ML>_ANON.dcm, AllXML/<file id>.xml and INbreast.xls or '
    'INbreast.csv'
)
_IMAGE = re.compile(
    r'(\d+)_([0-9a-z]+)_MG_([LR])_([A-Z]+)_ANON(?:\.dcm|\.dicom)?', re.IGNORECASE
)
_PROJECTIONS = {'CC': 'CC', 'ML': 'MLO', 'MLO': 'MLO'}
_COLUMNS = dict(
    file='File Name|Filename|File',
    birads='Bi-Rads|BIRADS|Bi-Rads assessment',
    laterality='Laterality|Side?',
    view='View?',
    date='Acquisition date?',
    density='ACR|Density?',
    mass='Mass?',
    status='Lesion Annotation Status?',
)
_SHOWN = 5  # items listed in a note


class INbreastConverter(Converter):
    """Reads INbreast.

    ``pathology`` is null throughout: the data set has no biopsy results per lesion.
    """

    name = 'inbreast'
    categories = INBREAST
    ratios = dict(train=0.6, val=0.2, test=0.2)  # those of DisAsymNet

    def catalogue(self, raw: Path) -> Catalogue:
        """See :meth:`Converter.catalogue`."""
        folder = RawFolder(raw, _EXPECTED)
        catalogue = folder.new_catalogue()
        images = _images(folder, catalogue)
        regions = _region_files(folder)
        rows, twisted = _rows(folder, catalogue)
        tally = _Tally()
        for file_id, (file, match) in images.items():
            if file_id in twisted:
                catalogue.skip(file, 'rows of the table contradict each other')
            elif file_id not in rows:
                catalogue.skip(file, 'image without a row in the table')
            else:
                _add_view(
                    catalogue,
                    tally,
                    folder,
                    file,
                    match,
                    rows[file_id],
                    regions.get(file_id),
                )
        for file_id in sorted(rows.keys() - images.keys()):
            catalogue.skip(f'row of {file_id}', 'row without an image')
        for file_id in sorted(regions.keys() - images.keys()):
            catalogue.skip(regions[file_id], 'regions without an image')
        catalogue.notes += tally.notes()
        return catalogue

    def prepare(self, raw: Path, view: RawView, out: Path) -> Path:
        """See :meth:`Converter.prepare`; writes ``out/dicom`` where needed."""
        mended = Path('dicom') / f'{view.file.stem}.dcm'
        if mend_dicom(raw / view.file, out / mended, view.laterality, view.view):
            return mended
        return super().prepare(raw, view, out)


class _Tally:
    """The counts behind the notes."""

    def __init__(self) -> None:
        self.disagreeing: list[str] = []
        self.undated: list[str] = []
        self.no_mass: list[str] = []
        self.drawn_on_normal: list[str] = []
        self.names: Counter = Counter()
        self.areas_lacking: Counter = Counter()

    def notes(self) -> list[str]:
        """Return lines for the user."""
        notes = [
            'pathology is null: the set has no biopsy result by lesion; whether '
            'BI-RADS 4 to 6 count as malignant is the choice of who uses birads',
            'the set has no official split; patients are kept together over their '
            'exams',
        ]
        for items, text in (
            (
                self.disagreeing,
                'views whose side or projection differs between table and file '
                'name; the file name takes precedence',
            ),
            (
                self.undated,
                'views without an acquisition date; all such of a patient are '
                'treated as one exam',
            ),
            (
                self.no_mass,
                'views marked as having a mass in the table without an outlined one',
            ),
            (
                self.drawn_on_normal,
                'views of BI-RADS 1 have regions; abnormal is false by BI-RADS',
            ),
        ):
            if items:
                notes.append(f'{len(items)} {text}: {_some(items)}')
        if self.areas_lacking:
            kinds = ', '.join(
                f'{n} {kind}' for kind, n in sorted(self.areas_lacking.items())
            )
            notes.append(
                'regions of points without an area, boxed by the whole '
                f'pixels they lie in: {kinds}'
            )
        if self.names:
            names = ', '.join(f'{n} {name!r}' for name, n in sorted(self.names.items()))
            notes.append(f'regions of other names, treated as other: {names}')
        return notes


def _some(items: list[str]) -> str:
    more = len(items) - _SHOWN
    return ', '.join(items[:_SHOWN]) + (f' and {more} more' if more > 0 else '')


def _images(
    folder: RawFolder, catalogue: Catalogue
) -> dict[str, tuple[Path, re.Match]]:
    """Return the image of each file id and the facts in its name."""
    images: dict[str, tuple[Path, re.Match]] = {}
    for file in sorted(folder.files, key=_preference('alldicoms')):
        match = _IMAGE.fullmatch(file.name)
        if match is None:
            if file.suffix.lower() in ('.dcm', '.dicom'):
                catalogue.skip(file, 'file name that is not of the set')
        elif match[1] in images:
            catalogue.skip(
                file, 'another copy of an image', images[match[1]][0].as_posix()
            )
        else:
            images[match[1]] = file, match
    if not images:
        raise ConversionError(
            f'{folder.root}: no image named as in INbreast; expected {_EXPECTED}',
            catalogue,
        )
    return dict(sorted(images.items()))


def _region_files(folder: RawFolder) -> dict[str, Path]:
    """Return the region file of each file id."""
    files: dict[str, Path] = {}
    for file in sorted(folder.matching(r'(.*/)?\d+\.xml'), key=_preference('allxml')):
        if 'muscle' not in file.as_posix().lower():
            files.setdefault(file.stem, file)
    if not files:
        raise ConversionError(
            f'{folder.root}: no AllXML/<file id>.xml; expected {_EXPECTED}'
        )
    return files


def _preference(home: str):
    """Return a sort key that puts the copy in its own folder first."""
    return lambda file: (file.parent.name.lower() != home, len(file.parts), file)


def _rows(folder: RawFolder, catalogue: Catalogue) -> tuple[dict[str, Row], set[str]]:
    """Return the row of each file id, and the ids whose rows disagree."""
    file, table = _table(folder, catalogue)
    rows: dict[str, Row] = {}
    twisted: set[str] = set()
    for row in table:
        number = row.pop('row')
        match = re.fullmatch(r'(\d{4,})(?:\.0+|\.\w+|_.*)?', row['file'])
        if match is None:
            if row['laterality'] and row['birads']:  # empty in the row of totals
                catalogue.skip(f'{file}, row {number}', 'row without a file id')
            continue
        known = rows.setdefault(match[1], row)
        if known is not row:
            catalogue.skip(f'{file}, row {number}', 'row that repeats a file id')
            if _facts(known) != _facts(row):
                twisted.add(match[1])
    return rows, twisted


def _facts(row: Row) -> tuple:
    return (
        read_birads(row['birads']),
        read_density(row['density']),
        _date(row['date']),
        row['laterality'].upper(),
        row['view'].upper(),
    )


def _table(folder: RawFolder, catalogue: Catalogue) -> tuple[Path, list[Row]]:
    """Return the table; a spreadsheet is preferred, since a CSV has fewer columns."""
    files = sorted(
        folder.matching(r'(.*/)?inbreast[^/]*\.(xls|xlsx|ods|csv)'),
        key=lambda f: (
            f.stem.lower() != 'inbreast',
            f.suffix.lower() == '.csv',
            len(f.parts),
            f,
        ),
    )
    found = folder.first_table(files, _COLUMNS, catalogue)
    if found is None:
        raise ConversionError(
            f'{folder.root}: no INbreast.xls or INbreast.csv; expected {_EXPECTED}'
        )
    catalogue.notes.append(f'BI-RADS and density are from {found[0]}')
    return found


def _add_view(
    catalogue: Catalogue,
    tally: _Tally,
    folder: RawFolder,
    file: Path,
    match: re.Match,
    row: Row,
    region_file: Path | None,
) -> None:
    """Add a view, or record why it is left out."""
    file_id, patient, laterality = match[1], match[2].lower(), match[3].upper()
    words = match[4].upper(), row['view'].upper() or match[4].upper()
    views = [_PROJECTIONS.get(word) for word in words]
    if None in views:
        catalogue.skip(file, 'projection other than CC and MLO', ' / '.join(words))
        return
    birads = read_birads(row['birads'])
    normal = birads == '1' or re.search(r'\bnormal\b', row['status'], re.IGNORECASE)
    try:
        regions = read_regions(folder.root / region_file) if region_file else []
    except RegionError as error:
        catalogue.skip(
            file, 'view whose regions cannot be read', f'{region_file}: {error}'
        )
        return
    if not regions and not normal:
        why = f'{region_file} is empty' if region_file else 'no XML'
        catalogue.skip(
            file,
            'view without a region that is not labelled normal',
            f'{why}, BI-RADS {birads}',
        )
        return
    if any(r.category == 'mass' and not r.has_area for r in regions):
        catalogue.skip(file, 'view with a mass of unknown extent', str(region_file))
        return

    side = row['laterality'].upper()[:1] or laterality
    if side != laterality or views[0] != views[1]:
        tally.disagreeing.append(file_id)
    date = _date(row['date'])
    if not date:
        tally.undated.append(file_id)
    kinds = {region.category for region in regions}
    if row['mass'] and 'mass' not in kinds:
        tally.no_mass.append(file_id)
    if regions and birads == '1':
        tally.drawn_on_normal.append(file_id)
    tally.names.update(r.name for r in regions if r.category == 'other')
    tally.areas_lacking.update(r.category for r in regions if not r.has_area)
    catalogue.views.append(
        RawView(
            file,
            exam_id=f'{patient}_{date or "undated"}',
            patient_id=patient,
            laterality=laterality,
            view=views[0],
            birads=birads,
            density=read_density(row['density']),
            abnormal=None if birads is None else birads != '1',
            pixel_spacing_mm=(PIXEL_MM, PIXEL_MM),
            lesions=list(_lesions(regions)),
        )
    )


def _lesions(regions: Iterable[Region]) -> Iterator[RawLesion]:
    for region in regions:
        if region.has_area:
            yield RawLesion(region.category, polygons=[region.points])
        else:
            yield RawLesion(region.category, box=region.pixel_box)


def _date(text: str) -> str:
    """Return the digits of a date, '' if it has none."""
    return re.sub(r'\D', '', re.sub(r'\.0+$', '', text))
