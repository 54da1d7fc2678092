"""EMBED, the Emory breast imaging data set (open data): DICOM, findings, regions.

The raw folder, as in the AWS bucket (or a part of it)::

    tables/EMBED_OpenData_metadata.csv      (or ..._metadata_reduced.csv)
    tables/EMBED_OpenData_clinical.csv      (or ..._clinical_reduced.csv)
    images/cohort_1/<empi_anon>/<study>/<series>/<image>.dcm

The metadata table has one row per file: ``empi_anon``, ``acc_anon``,
``anon_dicom_path`` (on the authors' disk or in the bucket; files are matched by its
end), ``FinalImageType`` ('2D'; 'cview', synthetic from tomosynthesis; '3D', 'ROI_SSC'
and others), ``ImageLateralityFinal``, ``ViewPosition``, ``spot_mag`` (1 for spot
compression and magnification, else empty), ``num_roi``, ``ROI_coords`` ('((ymin, xmin,
ymax, xmax), ...)', lists or tuples, '()' without regions), and in the full table
``Rows``, ``Columns``, ``BreastImplantPresent``. The clinical table:
:mod:`.embed_findings`. Sources: J. J. Jeong et al., Radiology: Artificial Intelligence
5(1), 2023; the README and notebooks of Emory-HITI/EMBED_Open_Data.

Rules: an exam is an ``acc_anon``. A row of the clinical table counts for the breast on
its side; a row with side B or no side counts for both. Pathology counts for the side in
``bside`` if that is stated. A breast gets the most suspicious BI-RADS and the most
severe pathology of its rows: severity 0 and 1 are malignant, 2 to 5 benign, 6 is
unknown. It is abnormal if its BI-RADS is not 1, or it has pathology or a described
finding. If all rows of an exam of both breasts are for one side, the other breast is
not abnormal. A region has no link to a finding: its kind is the single kind of the
breast's findings or the first of an only finding, else 'finding'. It gets a finding's
BI-RADS and pathology only if the breast has one finding and the image one region.

If a view has several images, one is chosen as in all converters; a 'cview' counts as
synthetic 2-D whatever its header states. Spot compression, magnification and images
other than 2-D are left out.
"""

import ast
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from mammo_plugins.structures import VIEWS
from mammo_plugins.structures.categories import EMBED
from mammo_plugins.structures.fields import is_number

from .base import Converter
from .cells import is_empty, read_count, read_flag, read_side
from .choice import view_key
from .embed_findings import (
    CLINICAL,
    BreastFacts,
    ClinicalExam,
    plain_id,
    read_exams,
    severity_note,
)
from .raw_folder import RawFolder, Row
from .records import Catalogue, ConversionError, RawLesion, RawView

Box = tuple[float, float, float, float]

_EXPECTED = (
    'EMBED open data: tables/EMBED_OpenData_metadata.csv, '
    'tables/EMBED_OpenData_clinical.csv and images/cohort_1/...'
)
_METADATA = dict(
    patient='empi_anon',
    exam='acc_anon',
    path='anon_dicom_path',
    type='FinalImageType',
    side='ImageLateralityFinal',
    view='ViewPosition',
    spot='spot_mag?',
    regions='DCM_ROI_coords|ROI_coords?',
    n_regions='num_roi?',
    height='Rows?',
    width='Columns?',
    implant='BreastImplantPresent?',
    modifier='0_ViewCodeSequence_0_ViewModifierCodeSequence_CodeMeaning?',
)
_SYNTHETIC = 'synthetic 2-D'
# the header of a digital image states more
_TYPES = {'2d': None, 'cview': _SYNTHETIC}


class EMBEDConverter(Converter):
    """Reads EMBED; see the module for its format and the rules."""

    name = 'EMBED'
    categories = EMBED

    def catalogue(self, raw: Path) -> Catalogue:
        """Find all views; see :meth:`Converter.catalogue`."""
        folder = RawFolder(raw, _EXPECTED)
        found = folder.new_catalogue()
        rows = _table(folder, 'metadata', _METADATA, found)
        findings = _table(folder, 'clinical', CLINICAL, found)
        exams = read_exams(findings, found)
        files = _Files(folder)
        seen: set[Path] = set()
        for row in rows:
            row = {name: '' if is_empty(cell) else cell for name, cell in row.items()}
            view = _view(row, exams, files, found)
            if view is not None and view.file in seen:
                found.skip(
                    f'row {row["row"]} of the metadata table',
                    'row that repeats an image',
                    str(view.file),
                )
            elif view is not None:
                seen.add(view.file)
                found.views.append(view)
        found.notes += [
            *_table_notes(rows, findings),
            severity_note(exams),
            *_view_notes(found.views, exams),
        ]
        return found


def _table(
    folder: RawFolder, kind: str, columns: dict[str, str], found: Catalogue
) -> list[Row]:
    """Read the full table, or the reduced one if only that exists."""
    files = folder.matching(rf'(.*/)?[^/]*{kind}[^/]*\.csv')
    files = [file for file in files if 'legend' not in file.name.lower()]
    files.sort(key=lambda file: ('reduced' in file.name.lower(), len(file.name)))
    table = folder.first_table(files, columns, found)
    if table is None:
        raise ConversionError(
            f'{folder.root}: no table EMBED_OpenData_{kind}.csv; expected {_EXPECTED}'
        )
    return table[1]


class _Files:
    """Finds images by the end of their path; file names are unique (UIDs)."""

    def __init__(self, folder: RawFolder) -> None:
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for file in folder.files:
            self._by_name[file.name.lower()].append(file)

    def find(self, text: str) -> Path | None:
        parts = [part for part in re.split(r'[\\/]+', text.lower()) if part]
        files = self._by_name.get(parts[-1], ()) if parts else ()

        def shared(file: Path) -> int:
            own = file.as_posix().lower().split('/')
            count = 0
            while count < min(len(own), len(parts)) and (
                own[-1 - count] == parts[-1 - count]
            ):
                count += 1
            return count

        return max(files, key=shared, default=None)


def _view(
    row: Row, exams: dict[str, ClinicalExam], files: _Files, found: Catalogue
) -> RawView | None:
    item = f'row {row["row"]} of the metadata table'
    patient, exam_id = plain_id(row['patient']), plain_id(row['exam'])
    if not patient or not exam_id:
        found.skip(item, 'row without empi_anon or acc_anon')
        return None
    kind = re.sub('[^a-z0-9]', '', row['type'].lower())
    side, view = read_side(row['side']), row['view'].upper()
    modifier = row['modifier'].lower()
    for fault, reason, detail in (
        (kind not in _TYPES, 'image that is not 2-D or synthetic 2-D', row['type']),
        (
            read_flag(row['spot']) or 'spot' in modifier or 'magnif' in modifier,
            'spot compression or magnification view',
            row['modifier'],
        ),
        (side is None, 'laterality that is not L or R', row['side']),
        (view not in VIEWS, 'view that is not CC or MLO', row['view']),
    ):
        if fault:
            found.skip(item, reason, detail)
            return None
    exam = exams.setdefault(exam_id, ClinicalExam(patient))
    if exam.patient != patient:
        found.skip(item, "image of an exam that is another patient's")
        return None
    file = files.find(row['path'])
    if file is None:
        found.skip(item, 'image not found', f'{side} {view}')
        return None
    breast = exam.of_breast(side)
    lesions = _lesions(row, breast, file, found)
    abnormal = breast.abnormal
    if lesions and abnormal is False:
        found.skip(
            file,
            'view with a region in a breast that is not abnormal',
            'abnormal treated as unknown',
        )
        abnormal = None
    implant = read_flag(row['implant'])
    return RawView(
        file,
        exam_id,
        patient,
        side,
        view,
        birads=breast.birads,
        density=breast.density,
        pathology=breast.pathology,
        abnormal=abnormal,
        size=_size(row),
        lesions=lesions,
        image_kind=_TYPES[kind],
        extra=dict(
            exam_kind=exam.kind,
            finding_kinds=breast.kinds,
            path_severity=breast.severity,
            implant=exam.implant if implant is None else implant,
        ),
    )


def _size(row: Row) -> tuple[int, int] | None:
    size = read_count(row['height']), read_count(row['width'])
    return None if None in size else size


def _lesions(
    row: Row, breast: BreastFacts, file: Path, found: Catalogue
) -> list[RawLesion]:
    """Return the regions of an image with what is known about them."""
    boxes = _boxes(row, file, found)
    single = breast.findings[0] if len(breast.findings) == len(boxes) == 1 else None
    kinds = breast.kinds
    if len(kinds) != 1 and not (kinds and len(breast.findings) == 1):
        kinds = ['finding']
    return [
        RawLesion(
            kinds[0],
            box=box,
            birads=single and single.birads,
            pathology=breast.pathology if single else None,
        )
        for box in boxes
    ]


def _boxes(row: Row, file: Path, found: Catalogue) -> list[Box]:
    item, text = f'region of {file}', row['regions']
    try:
        listed = list(_fours(ast.literal_eval(text))) if text else []
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        found.skip(item, 'ROI_coords that is not a list of four numbers each', text)
        return []
    number = read_count(row['n_regions'])
    if number not in (None, len(listed)):
        found.skip(
            item,
            'another number of regions than num_roi',
            f'{len(listed)}, not {number}',
        )
    size, boxes = _size(row), []
    for y1, x1, y2, x2 in listed:
        box = x1, y1, x2, y2
        if x2 <= x1 or y2 <= y1:
            found.skip(item, 'region that ends before it starts', str(box))
        elif size and (x1 >= size[1] or y1 >= size[0] or x2 <= 0 or y2 <= 0):
            found.skip(item, 'region outside its image', str(box))
        elif box in boxes:
            found.skip(item, 'region that repeats another of its image', str(box))
        else:
            boxes.append(box)
    return boxes


def _fours(value: Any):
    """Yield lists of four numbers nested at any depth; empty lists are ignored."""
    if not isinstance(value, (list, tuple)):
        raise ValueError
    if value and all(map(is_number, value)):
        if len(value) != 4:
            raise ValueError
        yield value
        return
    for part in value:
        yield from _fours(part)


def _table_notes(rows: list[Row], findings: list[Row]) -> list[str]:
    types = Counter(row['type'] or 'none' for row in rows)
    listed = ', '.join(f'{name} {count}' for name, count in types.most_common())
    return [
        'Licence: models trained on any part of EMBED, their weights and embeddings '
        'may not be released without written permission of Emory University.',
        f'Rows of the metadata table: {len(rows)} images of {_number(rows, "patient")} '
        f'patients and {_number(rows, "exam")} exams ({listed}).',
        f'Rows of the clinical table: {len(findings)} findings of '
        f'{_number(findings, "patient")} patients and {_number(findings, "exam")} '
        'exams.',
    ]


def _number(rows: list[Row], column: str) -> int:
    return len({plain_id(row[column]) for row in rows} - {''})


def _view_notes(views: list[RawView], exams: dict[str, ClinicalExam]) -> list[str]:
    kinds: dict[tuple, set[str | None]] = defaultdict(set)
    for view in views:
        kinds[view_key(view)].add(view.image_kind)
    used = {view.exam_id for view in views}
    breasts = {(view.exam_id, view.laterality) for view in views}
    counts = {
        'views have a synthetic image (C-view) alone': sum(
            own == {_SYNTHETIC} for own in kinds.values()
        ),
        'exams have no row in the clinical table: their labels are unknown': sum(
            not exams[exam].findings for exam in used
        ),
        'breasts without a row, in exams of both breasts, are treated as not '
        'abnormal': sum(exams[exam].of_breast(side).implied for exam, side in breasts),
        'images are of exams with implants (key implant)': sum(
            view.extra['implant'] is True for view in views
        ),
        'images have regions': sum(bool(view.lesions) for view in views),
    }
    return [f'{count} {text}.' for text, count in counts.items() if count]
