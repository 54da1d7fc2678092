"""RSNA Screening Mammography Breast Cancer Detection: labels per breast, DICOM or PNG.

The raw folder, as in Kaggle's competition of 2022::

    train.csv
    train_images/<patient_id>/<image_id>.dcm
    test.csv, test_images/, sample_submission.csv    (not read: they have no labels)

``train.csv`` has one row per image: ``site_id`` (1, 2), ``patient_id``, ``image_id``,
``laterality`` (L, R), ``view`` (CC, MLO; 38 others: AT, LM, ML, LMO), ``age``,
``cancer`` (1: the breast has cancer), ``biopsy`` (1: the breast was biopsied),
``invasive``, ``BIRADS`` (at screening: 0 recalled, 1 negative, 2 normal; empty in
28,420 rows), ``implant``, ``density`` (A to D; empty in 25,236 rows), ``machine_id``,
``difficult_negative_case``. The DICOM files state neither Modality nor view: side and
view are only in the table. Copies of the images as pictures, in the same tree or as
``<patient_id>_<image_id>.png``, are read too. Source: the competition's data page and
its copy in the wiki of RSNA/AI-Challenge-Data.

Rules: a patient has one exam. A breast with cancer is malignant and abnormal. A breast
with a biopsy but no cancer is benign and abnormal. Other breasts have no pathology.
Without cancer and biopsy, a breast with BIRADS 1 or 2 is not abnormal; for one that was
recalled (0) or has no BIRADS, ``abnormal`` is unknown. So ``pathology`` null means 'no
cancer, and no biopsy', never that the label is missing: rows whose ``cancer`` is
unknown or contradicts the breast's other rows are left out.

Traps: a view of a breast may occur several times; one is chosen, as in all converters.
For site 1, ``implant`` describes the patient, not the breast.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from mammo_plugins.structures import VIEWS
from mammo_plugins.structures.categories import RSNA

from .base import Converter
from .cells import is_empty, read_birads, read_density, read_flag, read_side
from .raw_folder import RawFolder, Row
from .records import Catalogue, RawView

_EXPECTED = (
    'the RSNA competition of 2022: train.csv and '
    'train_images/<patient_id>/<image_id>.dcm (or .png)'
)
_TABLE = dict(
    patient='patient_id',
    image='image_id',
    side='laterality',
    view='view',
    cancer='cancer',
    site='site_id?',
    age='age?',
    biopsy='biopsy?',
    invasive='invasive?',
    birads='BIRADS?',
    implant='implant?',
    density='density?',
    machine='machine_id?',
    difficult='difficult_negative_case?',
)
# labels of the breast, not of the image
_BREAST = ('cancer', 'biopsy', 'invasive', 'birads')
# if an image has two files, the first kind counts
_SUFFIXES = ('.dcm', '.dicom', '', '.png', '.tif', '.tiff', '.jpg', '.jpeg')

Breast = tuple[str, str]


class RSNAConverter(Converter):
    """Reads the RSNA set; see the module for its format and the rules."""

    name = 'RSNA'
    categories = RSNA

    def catalogue(self, raw: Path) -> Catalogue:
        """Find all views; see :meth:`Converter.catalogue`."""
        folder = RawFolder(raw, _EXPECTED)
        table = folder.one(r'(.*/)?train\.csv', 'table train.csv')
        rows = [
            {name: '' if is_empty(cell) else cell for name, cell in row.items()}
            for row in folder.table(table, _TABLE)
        ]
        found = folder.new_catalogue()
        kept = _images(rows, found)
        breasts = _Breasts(kept, found)
        files = _image_files(folder)
        for row in kept:
            view = _view(row, breasts, files, found)
            if view is not None:
                found.views.append(view)
        found.notes += _notes(kept, found.views)
        return found


def _images(rows: list[Row], found: Catalogue) -> list[Row]:
    """Return one row per image, from the rows that name patient, image and side."""
    first: dict[str, Row] = {}
    for row in rows:
        item = f'row {row["row"]} of train.csv'
        if not row['patient'] or not row['image']:
            found.skip(item, 'row without patient_id or image_id')
        elif read_side(row['side']) is None:
            found.skip(_name(row), 'laterality that is not L or R', row['side'])
        elif row['image'] in first:
            same = all(row[name] == first[row['image']][name] for name in _TABLE)
            found.skip(
                _name(row),
                'row that repeats an image'
                if same
                else 'row that contradicts an earlier one of the same image',
                item,
            )
        else:
            first[row['image']] = row
    return list(first.values())


def _name(row: Row) -> str:
    return f'{row["patient"]}/{row["image"]}'


def _breast(row: Row) -> Breast:
    return row['patient'], read_side(row['side'])


class _Breasts:
    """The combined labels from all rows of each breast.

    Args:
        rows (list[dict]): One row per image.
        found (Catalogue): Receives contradictions.
    """

    def __init__(self, rows: list[Row], found: Catalogue) -> None:
        values: dict[Breast, dict[str, set[Any]]] = {}
        for row in rows:
            known = values.setdefault(_breast(row), {name: set() for name in _BREAST})
            for name in _BREAST:
                read = read_birads if name == 'birads' else read_flag
                value = read(row[name])
                if value is not None:
                    known[name].add(value)
                elif row[name]:
                    found.skip(
                        f'{name} of {_name(row)}', 'value that is not known', row[name]
                    )
        self._values = values
        for (patient, side), known in values.items():
            for name in _BREAST:
                if len(known[name]) > 1:
                    found.skip(
                        f'{name} of {patient} {side}',
                        'label on which the rows of a breast disagree',
                    )

    def get(self, breast: Breast, name: str) -> Any | None:
        """Return a label of a breast, ``None`` if its rows have none or several."""
        known = self._values[breast][name]
        return next(iter(known)) if len(known) == 1 else None


def _image_files(folder: RawFolder) -> dict[str, Path]:
    """Return files by 'patient/image', 'patient_image' and 'image', in lower case."""
    files: dict[str, Path] = {}
    ranked = [
        (file, _SUFFIXES.index(file.suffix.lower()))
        for file in folder.files
        if file.suffix.lower() in _SUFFIXES
    ]
    for file, _ in sorted(ranked, key=lambda pair: pair[1]):
        image = file.stem.lower()
        files.setdefault(f'{file.parent.name.lower()}/{image}', file)
        files.setdefault(image, file)
    return files


def _view(
    row: Row, breasts: _Breasts, files: dict[str, Path], found: Catalogue
) -> RawView | None:
    item, breast, view = _name(row), _breast(row), row['view'].upper()
    if view not in VIEWS:
        found.skip(item, 'view that is not CC or MLO', row['view'])
        return None
    cancer = breasts.get(breast, 'cancer')
    if cancer is None:
        found.skip(
            item,
            'image of a breast without a label in the column cancer',
            row['cancer'],
        )
        return None
    patient, image = row['patient'].lower(), row['image'].lower()
    file = next(
        (
            files[key]
            for key in (f'{patient}/{image}', f'{patient}_{image}', image)
            if key in files
        ),
        None,
    )
    if file is None:
        found.skip(item, 'image not found', f'{breast[1]} {view}')
        return None
    biopsy, birads = breasts.get(breast, 'biopsy'), breasts.get(breast, 'birads')
    return RawView(
        file,
        row['patient'],
        row['patient'],
        breast[1],
        view,
        birads=birads and read_birads(row['birads']),  # from the image's own row
        density=read_density(row['density']),
        pathology='malignant' if cancer else 'benign' if biopsy else None,
        abnormal=_abnormal(cancer, biopsy, birads),
        extra=dict(
            cancer=cancer,
            biopsy=biopsy,
            invasive=breasts.get(breast, 'invasive') if cancer else None,
            implant=read_flag(row['implant']),
            difficult_negative=read_flag(row['difficult']),
            age=_number(row['age']),
            site=row['site'] or None,
            machine=row['machine'] or None,
        ),
    )


def _abnormal(cancer: bool, biopsy: bool | None, birads: str | None) -> bool | None:
    if cancer or biopsy:
        return True
    return False if biopsy is False and birads in ('1', '2') else None


def _number(text: str) -> int | None:
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return None


def _notes(rows: list[Row], views: list[RawView]) -> list[str]:
    """Return notes to compare with the table's own figures."""
    positive = [row for row in rows if read_flag(row['cancer'])]
    listed = ', '.join(
        f'{view} {count}'
        for view, count in Counter(row['view'].upper() for row in rows).most_common()
    )
    notes = [
        'Labels are per breast; the data set outlines no lesions, and its test '
        'part has no labels: there is no official split.',
        f'Rows of train.csv: {len(rows)} images of {_patients(rows)} patients '
        f'({listed}); {len(positive)} of a breast with cancer, of '
        f'{_patients(positive)} patients.',
        f'{sum(view.extra["implant"] is True for view in views)} images are of '
        'patients with implants (key implant).',
    ]
    pictures = sum(view.file.suffix.lower() not in _SUFFIXES[:3] for view in views)
    if pictures:
        notes.append(
            f'{pictures} images are pictures: their grey values, size and '
            'orientation were chosen by whoever made them.'
        )
    return notes


def _patients(rows: list[Row]) -> int:
    return len({row['patient'] for row in rows})
