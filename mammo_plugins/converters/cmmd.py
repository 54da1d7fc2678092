"""CMMD, the Chinese Mammography Database: labels per breast, no outlines, DICOM.

The raw folder, as downloaded from TCIA::

    CMMD_clinicaldata_revision.xlsx     (or a .csv of it, or label.csv)
    CMMD/D1-0000/<date>/<series>/1-1.dcm, 1-2.dcm, ...

The table has one row per breast: ``ID1`` ('D1-0000'), ``LeftRight`` (L, R), ``Age``,
``number`` (of images), ``abnormality`` (calcification, mass, both), ``classification``
(Benign, Malignant; by biopsy), ``subtype`` (Luminal A, Luminal B, HER2-enriched, triple
negative; for cancers of the D2 part). Image numbers have no meaning: the side is in
ImageLaterality, the view in ViewCodeSequence; ViewPosition is empty. Nearly all files
have 8 bits. Source: C. Cui et al., The Chinese Mammography Database, TCIA 2021,
doi:10.7937/tcia.eqde-4b16.

Rules: ``ID1`` names both exam and patient. A breast with a row is abnormal, and its
classification is its pathology. For most D2 patients the table does not mention the
other breast. It counts as normal (``abnormal`` false, ``pathology`` null) if the
patient has a row for one side and none whose side is unclear. In D1, where no such
images are known, a breast without a row stays unknown. If rows of one breast contradict
each other, the labels they disagree on stay unknown. No official split; 85:15 by
patient, as in the DIVF paper.
"""

import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from mammo_plugins.io import MammogramError, MammogramHeader, read_header
from mammo_plugins.structures import LATERALITIES, VIEWS, other_laterality
from mammo_plugins.structures.categories import CMMD

from .base import Converter
from .cells import is_empty, read_side
from .raw_folder import RawFolder, Row
from .records import Catalogue, ConversionError, RawView

_EXPECTED = (
    'CMMD as TCIA gives it: CMMD_clinicaldata_revision.xlsx (or .csv) and '
    'CMMD/<D1-0000 or D2-0000>/.../1-1.dcm'
)
_TABLE = dict(
    patient='ID1|ID|Patient ID|PatientID|Subject ID',
    side='LeftRight|Left Right|side',
    abnormality='abnormality?',
    pathology='classification',
    subtype='subtype?',
)
_DOWNLOAD = dict(
    patient='Subject ID|PatientID',
    series='Series UID|SeriesInstanceUID',
    study='Study UID|StudyInstanceUID?',
)

# an ID in a path or in a cell, such as 'D1-0000' or 'd2_0000'
_PATIENT = re.compile(r'(?<![a-z0-9])(d[12])[-_ ](\d{4})(?![a-z0-9])', re.IGNORECASE)
_WORDS = dict(
    abnormality={word: word for word in ('mass', 'calcification', 'both')},
    pathology={word: word for word in ('benign', 'malignant')},
    subtype={
        re.sub('[^a-z0-9]', '', word.lower()): word
        for word in ('Luminal A', 'Luminal B', 'HER2-enriched', 'triple negative')
    },
)

Breast = tuple[str, str]
Labels = dict[str, str | None]


class CMMDConverter(Converter):
    """Reads CMMD; see the module for its format and the rules."""

    name = 'CMMD'
    categories = CMMD
    ratios = dict(train=0.85, val=0.0, test=0.15)

    def catalogue(self, raw: Path) -> Catalogue:
        """Find all views; see :meth:`Converter.catalogue`.

        Reads the header of each file, several in parallel.
        """
        folder = RawFolder(raw, _EXPECTED)
        found = folder.new_catalogue()
        table = _Table(_clinical_rows(folder, found), found)
        files = _image_files(folder, found)
        if not files:
            raise ConversionError(
                f'{raw}: no DICOM file of a CMMD patient; expected {_EXPECTED}', found
            )
        headers = _read_headers(folder.root, list(files))
        found.views = _views(files, headers, table, found)
        _note(found, table)
        return found


def _clinical_rows(folder: RawFolder, found: Catalogue) -> list[Row]:
    """Read the first table that has the columns, the original one first."""
    candidates = folder.matching(
        r'(.*/)?[^/]*(clinical|label)[^/]*\.(xlsx|xls|ods|csv)'
    )
    candidates.sort(
        key=lambda file: (
            'clinical' not in file.name.lower(),
            'revision' not in file.name.lower(),
            file.suffix.lower() == '.csv',
            len(file.parts),
        )
    )
    table = folder.first_table(candidates, _TABLE, found)
    if table is None:
        raise ConversionError(
            f'{folder.root}: no table CMMD_clinicaldata_revision; expected {_EXPECTED}'
        )
    return table[1]


def _patient(text: str) -> str | None:
    found = _PATIENT.search(text)
    return found and f'{found[1].upper()}-{found[2]}'


class _Table:
    """The labels of each breast from the clinical table.

    Args:
        rows (list[dict]): The table's rows.
        found (Catalogue): Receives the rows that cannot be used.
    """

    def __init__(self, rows: list[Row], found: Catalogue) -> None:
        self.unclear: set[str] = set()  # patients with a row whose side is unclear
        self._known: dict[Breast, dict[str, set[str]]] = {}
        for row in rows:
            self._add(row, found)

    @property
    def breasts(self) -> list[Breast]:
        """list[tuple[str, str]]: (patient, side) of each row, in order."""
        return list(self._known)

    def labels(self, patient: str, side: str) -> Labels:
        """Return abnormality, pathology and subtype, ``None`` for unknown ones."""
        known = self._known.get((patient, side), {})
        return {
            name: next(iter(known[name])) if len(known.get(name, ())) == 1 else None
            for name in _WORDS
        }

    def abnormal(self, patient: str, side: str) -> bool | None:
        """Return whether a breast is abnormal, by the rules of the module."""
        if (patient, side) in self._known:
            known = self._known[patient, side]
            return True if known['pathology'] or known['abnormality'] else None
        other = (patient, other_laterality(side))
        if (
            patient.startswith('D2')
            and other in self._known
            and patient not in self.unclear
        ):
            return False
        return None

    def knows(self, patient: str) -> bool:
        """Return whether the table has a row for the patient."""
        return patient in self.unclear or any(
            (patient, side) in self._known for side in LATERALITIES
        )

    def _add(self, row: Row, found: Catalogue) -> None:
        item = f'row {row["row"]} of the clinical table'
        patient = _patient(row['patient'])
        if patient is None:
            found.skip(item, 'row without an ID such as D1-0000')
            return
        side = read_side(row['side'])
        if side is None:
            found.skip(item, 'row whose side is not L or R', row['side'])
            self.unclear.add(patient)
            return
        again = (patient, side) in self._known
        known = self._known.setdefault(
            (patient, side), {name: set() for name in _WORDS}
        )
        before = {name: set(values) for name, values in known.items()}
        for name, words in _WORDS.items():
            key = re.sub('[^a-z0-9]', '', row[name].lower())
            if key in words:
                known[name].add(words[key])
            elif not is_empty(row[name]):
                found.skip(f'{name} of {item}', 'label that is not known', row[name])
        if again:
            clash = [
                name
                for name, values in before.items()
                if values and known[name] != values
            ]
            found.skip(
                item,
                'rows of one breast that contradict each other'
                if clash
                else 'row that repeats a breast',
                ' '.join([patient, side, *clash]),
            )


def _image_files(folder: RawFolder, found: Catalogue) -> dict[Path, str]:
    """Return the patient of each DICOM file, from its path or the download's list."""
    files, nameless = {}, []
    for file in folder.files:
        patient = _patient(file.as_posix())
        suffixed = file.suffix.lower() in ('.dcm', '.dicom')
        # the end of a UID without '.dcm' looks like a suffix
        bare = re.fullmatch(r'(\.\d*)?', file.suffix) is not None
        if patient is not None and (suffixed or bare):
            files[file] = patient
        elif suffixed:
            nameless.append(file)
    if nameless:
        listed = _downloaded(folder)
        for file in nameless:
            patient = next(
                (listed[part] for part in file.parts if part in listed), None
            )
            if patient is None:
                found.skip(file, 'file whose path names no patient')
            else:
                files[file] = patient
    return files


def _downloaded(folder: RawFolder) -> dict[str, str]:
    """Return the patient of each series and study from a download's metadata.csv."""
    patients = {}
    for file in folder.matching(r'(.*/)?metadata\.csv'):
        try:
            rows = folder.table(file, _DOWNLOAD)
        except ConversionError:
            continue  # another table of that name
        for row in rows:
            patient = _patient(row['patient'])
            if patient is not None:
                patients.update({row['series']: patient, row['study']: patient})
    patients.pop('', None)
    return patients


def _read_headers(
    root: Path, files: list[Path]
) -> list[MammogramHeader | MammogramError]:
    def read(file: Path) -> MammogramHeader | MammogramError:
        try:
            return read_header(root / file)
        except MammogramError as error:
            return error

    with ThreadPoolExecutor(min(8, 2 * (os.cpu_count() or 1))) as pool:
        return list(
            tqdm(
                pool.map(read, files),
                total=len(files),
                desc='headers',
                unit='file',
                smoothing=0,
            )
        )


def _views(
    files: dict[Path, str],
    headers: list[MammogramHeader | MammogramError],
    table: _Table,
    found: Catalogue,
) -> list[RawView]:
    views = []
    studies: dict[str, list[str | None]] = {}
    for (file, patient), header in zip(files.items(), headers):
        if isinstance(header, MammogramError):
            found.skip(file, 'header that cannot be used', header.reason)
        elif not table.knows(patient):
            found.skip(file, 'patient without a row in the clinical table', patient)
        elif header.laterality is None:
            found.skip(file, 'header without a side')
        elif header.view not in VIEWS:
            found.skip(
                file,
                'header without a view'
                if header.view is None
                else 'view that is not CC or MLO',
                header.view or '',
            )
        else:
            keys = studies.setdefault(patient, [])
            key = header.header['exam_key']
            if key not in keys:
                keys.append(key)
            number = keys.index(key)
            labels = table.labels(patient, header.laterality)
            views.append(
                RawView(
                    file,
                    f'{patient}-{number + 1}' if number else patient,
                    patient,
                    header.laterality,
                    header.view,
                    pathology=labels['pathology'],
                    abnormal=table.abnormal(patient, header.laterality),
                    extra=dict(
                        abnormality=labels['abnormality'], subtype=labels['subtype']
                    ),
                )
            )
    several = sum(len(keys) > 1 for keys in studies.values())
    if several:
        found.notes.append(
            f'{several} patients have several studies: each is an '
            "exam, with the labels of the patient's breasts."
        )
    return views


def _note(found: Catalogue, table: _Table) -> None:
    seen = {(view.patient_id, view.laterality) for view in found.views}
    for patient, side in table.breasts:
        if (patient, side) not in seen:
            found.skip(f'{patient} {side}', 'breast of the table without an image')
    breasts: dict[tuple[str, str], list[RawView]] = {}
    for view in found.views:
        breasts.setdefault((view.exam_id, view.laterality), []).append(view)
    whole = Counter(
        _kind(views[0])
        for views in breasts.values()
        if {view.view for view in views} == set(VIEWS)
    )
    kinds = Counter(_kind(views[0]) for views in breasts.values())
    pathologies: dict[str, set[str | None]] = {}
    for view in found.views:
        pathologies.setdefault(view.patient_id, set()).add(view.pathology)
    mixed = sum({'benign', 'malignant'} <= values for values in pathologies.values())
    found.notes += [
        'Labels are per breast; the data set outlines no lesions and has no '
        'official split.',
        'Breasts with CC and MLO: '
        + ', '.join(f'{kind} {count}' for kind, count in sorted(whole.items()))
        + '.',
        f'{mixed} patients have a benign and a malignant breast.',
        f'{kinds["normal"]} breasts of D2 without a row are treated as normal: '
        'abnormal is false, pathology null.',
    ]
    if kinds['unknown']:
        found.notes.append(f'{kinds["unknown"]} breasts are of unknown pathology.')


def _kind(view: RawView) -> str:
    return 'normal' if view.abnormal is False else view.pathology or 'unknown'
