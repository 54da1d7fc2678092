"""Your own data: a folder of mammograms, with or without a table of labels."""

import os
from argparse import Namespace
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mammo_plugins.io import MammogramError, MammogramHeader, read_header
from mammo_plugins.io.identity import Identity, part_by_patient
from mammo_plugins.structures import LATERALITIES, VIEWS
from mammo_plugins.structures.exam_files import find_exams

from .base import Converter
from .generic_table import NORMAL, Entry, ViewTable
from .raw_folder import RawFolder
from .records import UNUSABLE, Catalogue, ConversionError, RawLesion, RawView

_FIRST = ('mass', 'calcification', 'architectural distortion', 'asymmetry')
_INFERRED = 'views whose abnormal follows from their pathology'
_CEM = {'low energy': 'CEM-LE', 'recombined': 'CEM-RC'}


class GenericConverter(Converter):
    """Converts any folder of DICOM files or pictures.

    With a table (columns: ``docs/how_to/datasets/generic.md``), the views are those it
    names. A row is a lesion, or a view without lesions; coordinates are continuous
    pixels of the file. Laterality, view, exam or modality that it omits is read from
    the DICOM header, or from a picture's name such as ``exam1_L-CC.png``. The table
    takes precedence over the header. Patients are as the table names them. An exam
    without a name is a DICOM study, or all pictures of a patient. The categories are
    those of the table.

    Without a table, :func:`~mammo_plugins.structures.exam_files.find_exams` finds and groups the
    views: DICOM by study, pictures by folder. The patients are the folders directly
    below the common top folder; an exam without a folder of its own there is a separate
    patient. Exams with the same DICOM PatientID belong to one patient; the ID is
    compared in memory and never written.

    Args:
        table (Path, optional): The table. Defaults to ``None``, none.
        group_by (str): As in :func:`~mammo_plugins.structures.exam_files.find_exams`, without a table.
            Defaults to 'study'.

    Raises:
        ConversionError: If the table cannot be read.
    """

    name = 'own'
    refuses_lost_lesions = True
    official_split = True  # if the table states a part for each view

    def __init__(self, table: Path | None = None, group_by: str = 'study') -> None:
        self.table = table
        self.group_by = group_by
        self.official_split = True
        if table is not None:
            self._use(table)

    def configure(self, args: Namespace) -> None:
        """See :meth:`Converter.configure`."""
        self._use(args.table)
        self.group_by = args.group_by

    def _use(self, table: Path | None) -> None:
        self.table = table
        self.official_split = table is not None and ViewTable(table).has_parts()

    def catalogue(self, raw: Path) -> Catalogue:
        """See :meth:`Converter.catalogue`; sets ``categories``."""
        folder = RawFolder(raw, 'a folder of DICOM files or pictures')
        # find_exams itself lists folders that it cannot search
        catalogue = Catalogue() if self.table is None else folder.new_catalogue()
        if self.table is None:
            _add_found(folder, catalogue, self.group_by)
        else:
            _add_listed(ViewTable(self.table), folder, catalogue)
        named = {lesion.category for view in catalogue.views for lesion in view.lesions}
        self.categories = _ordered(named) or Converter.categories
        return catalogue


def _ordered(categories: set[str]) -> tuple[str, ...]:
    return tuple(
        sorted(
            categories,
            key=lambda name: (
                _FIRST.index(name) if name in _FIRST else len(_FIRST),
                name == 'other',
                name,
            ),
        )
    )


def _add_listed(table: ViewTable, folder: RawFolder, catalogue: Catalogue) -> None:
    """Add the views that a table names."""
    entries = table.entries(folder, catalogue)
    owners: dict[str, set[str]] = defaultdict(set)
    for entry in entries.values():
        owners[entry.facts.get('exam', '')].add(entry.facts['patient'])
    notes: Counter = Counter()
    identities: dict[str, list[Identity]] = defaultdict(list)
    for file, entry in tqdm(entries.items(), desc='headers', unit='file', smoothing=0):
        try:
            header = read_header(folder.root / file)
        except MammogramError as error:
            catalogue.skip(file, UNUSABLE, error.reason)
            continue
        view = _listed_view(table, folder, file, entry, header, owners, catalogue)
        if view is not None:
            catalogue.views.append(view)
            identities[view.exam_id].append(header.identity)
            notes.update(_doubts(view, header))
            notes[_INFERRED] += entry.facts.get('abnormal') is None and (
                view.abnormal is not None
            )
    notes['exams of the table whose DICOM headers name different patients'] = sum(
        len(part_by_patient(files, lambda identity: identity)) > 1
        for files in identities.values()
    )
    _drop_strangers(catalogue)
    taken = {
        file
        for view in catalogue.views
        for file in (view.file, *(lesion.mask_file for lesion in view.lesions))
    }
    catalogue.notes.append(
        f'columns of {table.name} that are used: {", ".join(table.used)}'
    )
    if table.unused:
        catalogue.notes.append(
            f'columns of {table.name} that are not used: {", ".join(table.unused)}'
        )
    lesions = [lesion for entry in entries.values() for lesion in entry.lesions]
    if table.unread and not lesions:
        raise ConversionError(
            f'not one of {table.unread} boxes of {table.name} is understood', catalogue
        )
    if table.boxes.shares:
        boxes = sum(lesion.box is not None for lesion in lesions)
        catalogue.notes.append(
            f'boxes of {table.name} are fractions of the width and height of '
            f'their images, because all are between 0 and 1: {boxes} were scaled '
            'to pixels'
        )
    if table.nipple_shares:
        catalogue.notes.append(
            f'nipples of {table.name} are fractions of the width and height of '
            'their images: scaled to pixels'
        )
    notes['files of the folder that are not used'] = sum(
        file not in taken and file.name != table.name for file in folder.files
    )
    if 'part' in table.used and not table.has_parts():
        notes['views without a part, so there is no official split'] = sum(
            view.part is None for view in catalogue.views
        )
    catalogue.notes += [f'{count} {text}' for text, count in notes.items() if count]


def _drop_strangers(catalogue: Catalogue) -> None:
    """Leave out views that the table assigns to another patient than their exam's rest.

    Otherwise one patient under two names could be in two parts of a split.
    """
    exams: dict[str, Counter] = defaultdict(Counter)
    for view in catalogue.views:
        exams[view.exam_id][view.patient_id] += 1
    kept = []
    for view in catalogue.views:
        patient, _ = exams[view.exam_id].most_common(1)[0]
        if view.patient_id == patient:
            kept.append(view)
        else:
            catalogue.skip(
                view.file,
                'view of another patient than its exam',
                f'{view.patient_id} in the table, the exam has {patient}',
            )
    catalogue.views = kept


def _doubts(view: RawView, header: MammogramHeader) -> list[str]:
    """Return the doubts to be counted in the notes."""
    doubts = []
    if header.laterality not in (None, view.laterality) or (
        header.view not in (None, view.view)
    ):
        doubts.append(
            'views whose DICOM header disagrees with the table on laterality or '
            'view; the table is used'
        )
    if header.header['burned_in_annotation']:
        doubts.append(
            'views whose DICOM header states that text is burned into their pixels'
        )
    return doubts


def _listed_view(
    table: ViewTable,
    folder: RawFolder,
    file: Path,
    entry: Entry,
    header: MammogramHeader,
    owners: dict[str, set[str]],
    catalogue: Catalogue,
) -> RawView | None:
    facts = dict(entry.facts)
    row = f'{table.name}: row {entry.row}, column '
    for name, options in (('laterality', LATERALITIES), ('view', VIEWS)):
        value = facts.get(name) or getattr(header, name)
        if value is None and header.header['format'] != 'DICOM':
            value = _told_by_name(folder.root / file).get(name)
        if value not in options:
            reason = f'{name} that neither table, header nor file name states'
            if value:  # such as ML or XCCL
                reason = f'{name} other than {" and ".join(options)}'
            catalogue.skip(
                row + name, reason, f'{file}: {value}' if value else str(file)
            )
            return None
        facts[name] = value
    cem = header.header['cem_image']
    facts.setdefault('modality', _CEM.get(cem, 'FFDM'))
    if cem == 'high energy' and 'modality' not in entry.facts:
        catalogue.skip(file, UNUSABLE, 'high-energy image of a contrast-enhanced pair')
        return None
    _settle_labels(facts, entry, file, row, catalogue)
    exam = _exam_id(facts, header, owners)
    size = header.header['columns'], header.header['rows']
    nipple = (facts['nipple_x'], facts['nipple_y']) if 'nipple_x' in facts else None
    if nipple and table.nipple_shares:
        nipple = nipple[0] * size[0], nipple[1] * size[1]
    lesions = [
        _within_exam(lesion, exam, facts['laterality']) for lesion in entry.lesions
    ]
    if table.boxes.shares:
        lesions = [_scaled(lesion, *size) for lesion in lesions]
    stated = facts.get('image_height'), facts.get('image_width')
    return RawView(
        file,
        exam_id=exam,
        patient_id=facts['patient'],
        pixel_spacing_mm=facts.get('pixel_spacing'),
        size=None if None in stated else stated,
        nipple=nipple,
        lesions=lesions,
        **{
            name: facts.get(name)
            for name in (
                'laterality',
                'view',
                'modality',
                'part',
                'birads',
                'density',
                'pathology',
                'abnormal',
            )
        },
    )


def _settle_labels(
    facts: dict[str, Any], entry: Entry, file: Path, row: str, catalogue: Catalogue
) -> None:
    """Make a view's ``pathology`` and ``abnormal`` agree; count contradictions."""
    pathology, stated = facts.get('pathology'), facts.get('abnormal')
    if pathology is not None:
        by_pathology = pathology != NORMAL
        if stated is None:
            facts['abnormal'] = by_pathology
        elif stated != by_pathology:
            catalogue.skip(
                row + 'abnormal',
                'view whose pathology contradicts abnormal',
                f'{file}: {pathology}; abnormal is treated as unknown',
            )
            facts['abnormal'] = None
        facts['pathology'] = pathology if by_pathology else None
    if entry.lesions and facts.get('abnormal') is False:
        catalogue.skip(
            row + 'abnormal',
            'view with a lesion that is labelled normal',
            f'{file}: treated as unknown',
        )
        facts['abnormal'] = None
    if pathology == 'benign' and any(
        lesion.pathology == 'malignant' for lesion in entry.lesions
    ):
        catalogue.skip(
            row + 'pathology',
            'benign view with a malignant lesion',
            f'{file}: both are kept',
        )


def _scaled(lesion: RawLesion, width: int, height: int) -> RawLesion:
    if lesion.box is None:
        return lesion
    x1, y1, x2, y2 = lesion.box
    return replace(lesion, box=(x1 * width, y1 * height, x2 * width, y2 * height))


def _told_by_name(path: Path) -> dict[str, str]:
    """Return the laterality and view in a picture's name."""
    views = [view for exam in find_exams(path).exams.values() for view in exam.values()]
    return dict(laterality=views[0].laterality, view=views[0].view) if views else {}


def _exam_id(
    facts: dict[str, str], header: MammogramHeader, owners: dict[str, set[str]]
) -> str:
    """Return the exam's name, with the patient's name if several patients share it."""
    exam = facts.get('exam')
    if exam is None:
        return header.header['exam_key'] or facts['patient']
    return exam if len(owners[exam]) == 1 else f'{facts["patient"]}_{exam}'


def _within_exam(lesion: RawLesion, exam: str, laterality: str) -> RawLesion:
    """Make a lesion's name unique, since the table may reuse it for other breasts."""
    if lesion.lesion_id is None:
        return lesion
    return replace(lesion, lesion_id=f'{exam}_{laterality}_{lesion.lesion_id}')


def _add_found(folder: RawFolder, catalogue: Catalogue, group_by: str) -> None:
    """Add all mammograms of a folder without annotations."""
    found = {'FFDM': find_exams(folder.root, group_by=group_by)}
    if any(reason.startswith('a CEM-') for _, reason in found['FFDM'].skipped):
        found.update(
            (modality, find_exams(folder.root, modality, group_by))
            for modality in _CEM.values()
        )
    exams: dict[str, list[RawView]] = {}
    identities: dict[str, list[Identity]] = defaultdict(list)
    doubts: Counter = Counter()
    burned_in = 0
    for modality, result in found.items():
        for exam, views in result.exams.items():
            doubts.update(result.doubts.get(exam, ()))
            for view in (
                image for first in views.values() for image in (first, *first.others)
            ):
                burned_in += view.burned_in
                identities[exam].append(view.identity)
                exams.setdefault(exam, []).append(
                    RawView(
                        view.path.relative_to(folder.root),
                        exam,
                        exam,
                        view.laterality,
                        view.view,
                        modality,
                    )
                )
    patients = _join_patients(_patients(exams), identities)
    for exam, views in exams.items():
        for view in views:
            view.patient_id = patients[exam]
        catalogue.views += views
    taken = {view.file for view in catalogue.views}
    reasons: dict[Path, str] = {}
    for result in found.values():
        for path, reason in result.skipped:
            if not reason.endswith(' is required') or path not in reasons:
                reasons[path] = reason
    for path, reason in reasons.items():
        file = path.relative_to(folder.root)
        if file not in taken and not file.name.startswith('.'):
            catalogue.skip(file, 'file that is not used', reason)
    catalogue.notes.append('no table: the content of the views is unknown')
    catalogue.notes += [f'{count} exams: {text}' for text, count in doubts.items()]
    catalogue.notes += list(
        dict.fromkeys(
            note
            for result in found.values()
            for note in result.notes
            if 'group-by' in note or 'hidden' in note
        )
    )
    if burned_in:
        catalogue.notes.append(
            f'{burned_in} views whose DICOM header states that text is burned '
            'into their pixels'
        )


def _join_patients(
    patients: dict[str, str], identities: dict[str, list[Identity]]
) -> dict[str, str]:
    """Give exams with one PatientID one pseudonym, so that no split separates them.

    An ID that all files share is ignored.
    """
    known = [
        (exam, own)
        for exam, all_own in identities.items()
        for own in set(all_own)
        if own.patient_id
    ]
    groups = part_by_patient(known, lambda item: item[1])
    if len({own.patient_id for _, own in known}) < 2:
        return patients
    joined = dict(patients)
    for group in groups:
        names = {joined[exam] for exam, _ in group}
        joined.update(
            (exam, min(names)) for exam, name in joined.items() if name in names
        )
    return joined


def _patients(exams: dict[str, list[RawView]]) -> dict[str, str]:
    """Return the pseudonym of each exam's patient, from the folder if possible."""
    parents = {
        exam: [view.file.parent.parts for view in views]
        for exam, views in exams.items()
    }
    depth = len(
        os.path.commonprefix([parts for own in parents.values() for parts in own])
    )
    folders = {}
    for exam, own in parents.items():
        below = {parts[depth : depth + 1] for parts in own}
        if len(below) == 1 and () not in below:
            folders[exam] = below.pop()[0]
    numbers = {name: i for i, name in enumerate(sorted(set(folders.values())))}
    return {
        exam: f'p{numbers[folders[exam]]:05d}' if exam in folders else exam
        for exam in exams
    }
