"""Finding exams in a folder of image files.

docs/reference/reading.md states which files form an exam, and which file represents a
view.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from mammo_plugins.io import DicomWarnings, MammogramError, read_header, walk_folder
from mammo_plugins.io.identity import Identity, contradiction, part_by_patient
from mammo_plugins.io.image_kind import exclusion, screening_order, screening_rank
from mammo_plugins.io.reading_warnings import ReadingWarning

from .exam import VIEWS, with_modality

Paths = str | Path | Sequence[str | Path]

_NAME = re.compile(
    r'(?:^|[^A-Z])(L|R|LEFT|RIGHT)[-_ .]*(?:(DM|CM)[-_ .]*)?(CC|MLO)(?![A-Z])',
    re.IGNORECASE,
)
# a repeated view: x_L-CC_2, x_L-CC2, x_L-CC (2)
_REPEATED = re.compile(r'[-_ .]*\(?\d{1,2}\)?')

_MASK = re.compile(r'(?:^|[^a-z])(?:mask|roi)s?(?:[^a-z]|$)', re.IGNORECASE)

_CEM = {'low energy': 'CEM-LE', 'high energy': 'CEM-HE', 'recombined': 'CEM-RC'}


@dataclass(slots=True)  # an archive has millions of them
class FoundView:
    """A usable file.

    Attributes:
        path (Path): The file.
        laterality (str), view (str): 'L' or 'R', 'CC' or 'MLO'.
        width (int), height (int): In pixels.
        pixel_spacing_mm (tuple[float], optional): (row, column).
        modality (str): 'FFDM', 'CEM-LE', 'CEM-HE' or 'CEM-RC', from the header.
        order (tuple): Sort key for images of one view; the first one is used.
        kind (str, optional): Its image kind, see :mod:`mammo_plugins.io.image_kind`;
            ``None`` for pictures.
        burned_in (bool): Whether the header states that the pixels contain text.
        warnings (tuple[ReadingWarning]): Faults of the header.
        others (list[FoundView]): Further images of the same view of the exam, the next
            best first, to be used if this one cannot be read.
    """

    path: Path
    laterality: str
    view: str
    width: int
    height: int
    pixel_spacing_mm: tuple[float, float] | None
    modality: str = 'FFDM'
    order: tuple[int, bool, bool] = (0, False, False)
    kind: str | None = None
    burned_in: bool = False
    warnings: tuple[ReadingWarning, ...] = ()
    others: list['FoundView'] = field(default_factory=list, repr=False)
    study: str | None = field(default=None, repr=False)
    identity: Identity = field(default=Identity(), repr=False)

    @property
    def name(self) -> str:
        """str: 'RCC', 'LCC', 'RMLO' or 'LMLO'."""
        return self.laterality + self.view

    @property
    def rank(self) -> tuple:
        """tuple: Sort key by which images represent a view."""
        return self.order, self.path.with_suffix(''), self.path


@dataclass
class FoundExams:
    """The exams found in a folder.

    Attributes:
        exams (dict[str, dict[str, FoundView]]): Views by name, for each exam key.
        skipped (list[tuple[Path, str]]): Files left out, with the reason.
        doubts (dict[str, list[str]]): What users should know about an exam, by its key.
        notes (list[str]): What users should know about the folder.
    """

    exams: dict[str, dict[str, FoundView]] = field(default_factory=dict)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    doubts: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def settle(self, key: str, name: str, used: FoundView) -> None:
        """Choose the image that represents a view, and list the others as not used.

        Args:
            key (str): The exam.
            name (str): The view.
            used (FoundView): The one of the view's images that was read; those before
                it are already in ``skipped``.
        """
        self.exams[key][name] = used
        self.skipped += self.reasons_of_others(name, used)

    @staticmethod
    def reasons_of_others(name: str, used: FoundView) -> list[tuple[Path, str]]:
        """Return the files that do not represent a view, with the reason.

        Args:
            name (str): The view.
            used (FoundView): The image that represents it.
        """
        return [
            (
                other.path,
                f'another {name} of the same exam'
                + (f' ({other.kind})' if screening_rank(other.kind) else '')
                + f'; {_seen_from(other.path, used.path)} is used',
            )
            for other in used.others
        ]


def _seen_from(file: Path, other: Path) -> str:
    """Return the other file's name, with its folder if that differs."""
    return (
        other.name
        if other.parent == file.parent
        else os.path.relpath(
            other, os.path.commonpath([file.parent.absolute(), other.parent.absolute()])
        )
    )


# CDD-CESM's names: digital mammogram, contrast-enhanced (recombined) one
_CEM_NAMES = {'': 'FFDM', 'DM': 'CEM-LE', 'CM': 'CEM-RC'}


def _name_facts(path: Path) -> tuple[str | None, str | None, str, str]:
    """Parse a file name such as ``p1_L-CC.png``.

    Returns:
        tuple: Laterality, view, modality, and the rest, which identifies the exam.
    """
    found = list(_NAME.finditer(path.stem))
    if len(found) != 1:
        return None, None, 'FFDM', path.stem
    (match,) = found
    laterality, cem, view = (part.upper() for part in match.groups(default=''))
    before = path.stem[: match.start(1)]
    after = path.stem[match.end() :]
    if _REPEATED.fullmatch(after):
        after = ''
    return laterality[0], view, _CEM_NAMES[cem], before + after


def _known(
    path: Path, name: str, value: str | None, warnings: Sequence[ReadingWarning]
) -> str:
    """Return a laterality or a view if it is known."""
    if value is None:
        told = [f'; {warning}' for warning in warnings if name in warning.kind]
        raise MammogramError(
            path,
            f'unknown {name}: neither the header tells it nor, for '
            f'pictures, a file name such as exam1_L-CC.png{"".join(told)}',
        )
    return value


def inspect_file(path: Path, modality: str | Sequence[str] = 'FFDM') -> FoundView:
    """Return a file as a view, from its header only.

    Args:
        path (Path): The file.
        modality (str | Sequence[str]): As in :func:`find_exams`.

    Raises:
        MammogramError: If it cannot be used.
    """
    view = _as_view(path)
    wanted = (modality,) if isinstance(modality, str) else tuple(modality)
    if view.modality not in wanted:
        raise MammogramError(
            path, f'a {view.modality} image; {" or ".join(wanted)} is required'
        )
    return view


def _as_view(path: Path) -> FoundView:
    facts = read_header(path)
    laterality, view, header = facts.laterality, facts.view, facts.header
    if screening_rank(header['image_kind']) is None:
        raise MammogramError(path, exclusion(header['image_kind']))
    modality = _CEM.get(header['cem_image'], 'FFDM')
    if header['contrast_agent'] and header['cem_image'] is None:
        raise MammogramError(
            path,
            'a contrast agent is named, but ImageType does not say which image of '
            'the contrast-enhanced pair it is',
        )
    if header['format'] != 'DICOM':
        if _MASK.search(path.stem):
            raise MammogramError(path, 'its name says that it is a mask')
        name_laterality, name_view, modality, _ = _name_facts(path)
        laterality, view = laterality or name_laterality, view or name_view
    laterality = _known(path, 'laterality', laterality, facts.warnings)
    view = _known(path, 'view', view, facts.warnings)
    if view not in VIEWS:
        raise MammogramError(path, f'view {view}: only {" and ".join(VIEWS)} are used')
    return FoundView(
        path,
        laterality,
        view,
        header['columns'],
        header['rows'],
        facts.pixel_spacing_mm,
        modality=modality,
        order=screening_order(header['image_kind'], header),
        kind=header['image_kind'],
        burned_in=header['burned_in_annotation'] is True,
        warnings=facts.warnings,
        study=header['exam_key'],
        identity=facts.identity,
    )


def paths_of(path: Paths) -> list[Path]:
    """Return one or several paths as a list, each once.

    Args:
        path (str | Path | Sequence[str | Path]): A file, a folder, or several.

    Raises:
        FileNotFoundError: If there is no such file or folder, or the list is empty.
        TypeError: If it is not a path.
    """
    if isinstance(path, (str, os.PathLike)):
        path = [path]
    paths = list(dict.fromkeys(Path(os.fspath(each)) for each in path))
    if not paths:
        raise FileNotFoundError('no file or folder is given')
    for each in paths:
        if not each.exists():
            raise FileNotFoundError(f'{each}: no such file or folder')
    return paths


def find_exams(
    path: Paths, modality: str | Sequence[str] = 'FFDM', group_by: str = 'study'
) -> FoundExams:
    """Group the usable mammograms of a folder into exams.

    DICOM files are grouped by study, pictures by folder and the part of their names
    besides the view. Files of several patients are separated. If an exam has a view
    more than once, the image that comes first in
    :data:`~mammo_plugins.io.image_kind.SUBSTITUTES` is used, then the first by file
    name; the others are its ``others`` until :meth:`FoundExams.settle`.

    Args:
        path (str | Path | Sequence): A file, a folder that is searched recursively, or
            several of them.
        modality (str | Sequence[str]): Which images to use: 'FFDM' (any that is not
            contrast-enhanced, including pictures), 'CEM-LE' or 'CEM-RC'. With several,
            views have names such as 'CEM-LE RCC'. Defaults to 'FFDM'.
        group_by (str): 'study', or 'folder' for data sets whose studies contain one
            file each, such as CBIS-DDSM. Defaults to 'study'.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If ``group_by`` is neither.
    """
    check_group_by(group_by)
    found = FoundExams()
    usable = []
    with DicomWarnings() as warned:
        for file in tqdm(
            list_files(path, found), desc='headers', unit='file', leave=False
        ):
            try:
                usable.append(inspect_file(file, modality))
            except MammogramError as error:
                found.skipped.append((file, error.reason))
    group_views(found, usable, modality, group_by)
    found.notes += [f'pydicom: {kind}' for kind in sorted(warned.kinds)]
    return found


def check_group_by(group_by: str) -> None:
    """Refuse values that :func:`find_exams` does not know.

    Raises:
        ValueError: If ``group_by`` is neither 'study' nor 'folder'.
    """
    if group_by not in ('study', 'folder'):
        raise ValueError(f"group_by: {group_by!r}; expected 'study' or 'folder'")


def group_views(
    found: FoundExams,
    usable: list[FoundView],
    modality: str | Sequence[str] = 'FFDM',
    group_by: str = 'study',
) -> None:
    """Group views into exams.

    Args:
        found (FoundExams): Receives the exams, with their doubts, and notes.
        usable (list[FoundView]): Results of :func:`inspect_file`, in the order of
            :func:`list_files`.
        modality (str | Sequence[str]), group_by (str): As in :func:`find_exams`.
    """
    several = not isinstance(modality, str) and len(modality) > 1
    for key, group in _group(usable, group_by, found):
        views = found.exams.setdefault(key, {})
        for view in sorted(group, key=lambda view: view.rank):
            name = with_modality(view.name, view.modality if several else None)
            if name in views:
                views[name].others.append(view)
            else:
                views[name] = view
    _note(found, usable, group_by)


def list_files(path: Paths, found: FoundExams) -> list[Path]:
    """Return the files of folders, each once, sorted.

    Args:
        path (str | Path | Sequence): As in :func:`find_exams`.
        found (FoundExams): Receives the files left out, and notes.

    Raises:
        FileNotFoundError: If there is no such file or folder.
    """
    files: list[Path] = []
    for each in paths_of(path):
        if each.is_file():
            files.append(each)
            continue
        walked = walk_folder(each)
        files += walked.files
        found.skipped += walked.left_out
        if walked.hidden:
            found.notes.append(
                f'{walked.hidden} hidden files and folders (names that begin with '
                'a dot) were not read'
            )
    owners: dict[str, Path] = {}
    for file in sorted(files, key=lambda file: file.is_symlink()):
        first = owners.setdefault(os.path.realpath(file), file)
        if first is not file and first != file:
            found.skipped.append((file, f'the same file as {_seen_from(file, first)}'))
    return sorted(owners.values())


def _group(
    views: list[FoundView], group_by: str, found: FoundExams
) -> list[tuple[str, list[FoundView]]]:
    """Return (key, views) of each exam."""
    groups: dict[tuple[str, bool], list[FoundView]] = {}
    for view in views:
        study = None if group_by == 'folder' else view.study
        key = _hashed(view.path.parent.resolve()) if study is None else study
        groups.setdefault((key, study is None), []).append(view)
    exams: list[tuple[str, list[FoundView]]] = []
    for (key, by_folder), group in groups.items():
        if group_by == 'study' and all(view.kind is None for view in group):
            parts = _part_pictures(key, group)
        else:
            parts = _part_patients(key, group)
        patients = len(parts) if group[0].kind is not None else 1
        for exam, part in parts.items():
            doubts = _doubts(part, by_folder)
            if patients > 1:
                doubts.insert(
                    0,
                    f'one of {patients} exams of what was '
                    f'{"a folder" if by_folder else "a study"} of several '
                    'patients',
                )
            if doubts:
                found.doubts[exam] = doubts
        exams += parts.items()
    return exams


def _hashed(text: object) -> str:
    return hashlib.sha256(str(text).encode(errors='surrogatepass')).hexdigest()[:12]


def _part_patients(key: str, group: list[FoundView]) -> dict[str, list[FoundView]]:
    """Split the files of a study or folder by patient."""
    parts = part_by_patient(group, lambda view: view.identity)
    if len(parts) == 1:
        return {key: group}
    return {f'{key}-{i}': part for i, part in enumerate(parts, 1)}


def _part_pictures(key: str, group: list[FoundView]) -> dict[str, list[FoundView]]:
    """Split a folder's pictures by the part of their names besides the view."""
    by_name: dict[str, list[FoundView]] = {}
    for view in group:
        by_name.setdefault(_exam_name(view.path), []).append(view)
    if len(by_name) == 1 or (len(by_name) == len(group) and not _repeats(group)):
        return {key: group}  # file numbers rather than exam names; this is reported
    return {_hashed(f'{key}/{name}'): part for name, part in by_name.items()}


def _exam_name(path: Path) -> str:
    return _name_facts(path)[3].lower().strip('-_ .')


def _repeats(group: list[FoundView]) -> bool:
    names = Counter((view.name, view.modality) for view in group)
    return max(names.values()) > 1


def _doubts(part: list[FoundView], by_folder: bool) -> list[str]:
    """Return the reasons to doubt that these files are one exam."""
    doubts = []
    pictures = [_exam_name(view.path) for view in part if view.kind is None]
    if len(set(pictures)) > 1:
        doubts.append(
            'pictures of one folder whose names differ apart from the view were '
            'treated as one exam; put each exam into its own folder'
        )
    repeated = Counter((view.name, view.modality) for view in part if view.kind is None)
    if sum(count > 1 for count in repeated.values()) > 1:
        doubts.append(
            'several views appear more than once: numbers at the end of names '
            'were treated as repeated views of one exam'
        )
    if by_folder:
        studies = {view.study for view in part if view.study}
        if len(studies) > 1:
            doubts.append(f'the folder joins {len(studies)} studies')
        if any(view.study is None and view.kind is not None for view in part):
            doubts.append(
                'files without a valid StudyInstanceUID were joined by folder'
            )
    differ = contradiction([view.identity for view in part])
    if differ:
        doubts.append(f'the files differ in {differ}')
    return doubts


def _holds_more(views: list[FoundView]) -> bool:
    """Return whether a folder has more views of one patient than their studies have."""
    parts = part_by_patient(views, lambda view: view.identity)
    return any(
        len({view.name for view in part}) > 1
        and len({view.study for view in part}) == len(part)
        for part in parts
    )


def _note(found: FoundExams, usable: list[FoundView], group_by: str) -> None:
    """Add the notes that concern the whole folder."""
    folders: dict[Path, list[FoundView]] = {}
    for view in usable:
        if view.study:
            folders.setdefault(view.path.parent, []).append(view)
    sizes = [len(views) for views in found.exams.values()]
    single = group_by == 'study' and len(sizes) > 1 and 2 * sizes.count(1) > len(sizes)
    if single and any(_holds_more(views) for views in folders.values()):
        found.notes.append(
            'most studies have only one view; if exams are folders, as in '
            'CBIS-DDSM, use --group-by folder'
        )
    elif single and len(folders) == len(usable) and _holds_more(usable):
        found.notes.append(
            'most studies have only one view, and each folder one file; if they '
            'belong together, put the files of an exam into one folder and use '
            '--group-by folder'
        )
    joined = sum(
        'the folder joins' in doubt
        for doubts in found.doubts.values()
        for doubt in doubts
    )
    if joined:
        found.notes.append(
            f'{joined} exams are folders that join several studies, '
            'perhaps of several dates'
        )
    kinds = Counter(w.kind for view in usable for w in view.warnings)
    found.notes += [f'{count} files: {kind}' for kind, count in kinds.most_common()]
