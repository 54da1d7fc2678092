"""Finding exams in a folder of image files."""
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

from tqdm import tqdm

from mammo_plugins.io import MammogramError, read_header
from mammo_plugins.structures import VIEWS, with_modality

_NAME = re.compile(
    r'(?:^|[^A-Z])(L|R|LEFT|RIGHT)[-_ .]*(?:(DM|CM)[-_ .]*)?(CC|MLO)(?![A-Z])',
    re.IGNORECASE)

_CEM = {
    'low energy': 'CEM-LE',
    'high energy': 'CEM-HE',
    'recombined': 'CEM-RC'
}


@dataclass
class FoundView:
    """A file that can be used.

    Attributes:
        path (Path): The file.
        laterality (str), view (str): 'L' or 'R', 'CC' or 'MLO'.
        width (int), height (int): In pixels.
        pixel_spacing_mm (tuple[float], optional): (row, column).
        modality (str): 'FFDM', 'CEM-LE', 'CEM-HE' or 'CEM-RC', as the header tells.
        for_processing (bool): Whether it is a raw image, meant for a workstation.
        burned_in (bool): Whether the header says that text is in the pixels.
    """
    path: Path
    laterality: str
    view: str
    width: int
    height: int
    pixel_spacing_mm: Optional[Tuple[float, float]]
    modality: str = 'FFDM'
    for_processing: bool = False
    burned_in: bool = False

    @property
    def name(self) -> str:
        """str: 'RCC', 'LCC', 'RMLO' or 'LMLO'."""
        return self.laterality + self.view


@dataclass
class FoundExams:
    """What a folder holds.

    Attributes:
        exams (dict[str, dict[str, FoundView]]): Views by name, by exam key.
        skipped (list[tuple[Path, str]]): Files left out, with the reason.
    """
    exams: Dict[str, Dict[str, FoundView]] = field(default_factory=dict)
    skipped: List[Tuple[Path, str]] = field(default_factory=list)


# CDD-CESM's names: digital mammogram, contrast-enhanced (recombined) one
_CEM_NAMES = {'': 'FFDM', 'DM': 'CEM-LE', 'CM': 'CEM-RC'}


def _name_facts(path: Path) -> Tuple[Optional[str], Optional[str], str]:
    """Return (laterality, view, modality) that a name such as ``x_L-CC.png`` tells."""
    found = _NAME.findall(path.stem)
    if len(found) != 1:
        return None, None, 'FFDM'
    laterality, cem, view = (part.upper() for part in found[0])
    return laterality[0], view, _CEM_NAMES[cem]


def _inspect(path: Path, by_folder: bool) -> Tuple[str, FoundView]:
    """Return (exam key, view) of a file.

    Raises:
        MammogramError: If it cannot be used.
    """
    facts = read_header(path)
    laterality, view = facts.laterality, facts.view
    key = facts.header.get('exam_key')
    picture = key is None
    if picture or by_folder:
        key = hashlib.sha256(str(path.parent.resolve()).encode()).hexdigest()[:12]
    modality = _CEM.get(facts.header['cem_image'], 'FFDM')
    if picture:
        name_laterality, name_view, modality = _name_facts(path)
        laterality, view = laterality or name_laterality, view or name_view
    for name, value in (('laterality', laterality), ('view', view)):
        if value is None:
            raise MammogramError(
                path, f'unknown {name}: neither the header tells it nor, for '
                'pictures, a file name such as exam1_L-CC.png')
    if view not in VIEWS:
        raise MammogramError(path, f'view {view}: only {" and ".join(VIEWS)} '
                             'are used')
    header = facts.header
    return key, FoundView(
        path,
        laterality,
        view,
        header['columns'],
        header['rows'],
        facts.pixel_spacing_mm,
        modality=modality,
        for_processing=header['presentation_intent'] == 'FOR PROCESSING',
        burned_in=header['burned_in_annotation'] is True)


def find_exams(path: Union[str, Path],
               modality: Union[str, Sequence[str]] = 'FFDM',
               group_by: str = 'study') -> FoundExams:
    """Group the usable mammograms of a folder into exams.

    DICOM files belong together by study, pictures by folder. Of a view that an
    exam has more than once, an image FOR PRESENTATION goes before one FOR
    PROCESSING, then the first by file name.

    Args:
        path (str | Path): A file, or a folder that is searched with all below it.
        modality (str | Sequence[str]): Which images to use: 'FFDM' (any that is not
            contrast-enhanced; pictures too), 'CEM-LE' or 'CEM-RC'. With several, views
            are named such as 'CEM-LE RCC'. Defaults to 'FFDM'.
        group_by (str): 'study', or 'folder' for data sets whose studies hold one
            file each, such as CBIS-DDSM. Defaults to 'study'.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If ``group_by`` is neither.
    """
    if group_by not in ('study', 'folder'):
        raise ValueError(f"group_by: {group_by!r}; expected 'study' or 'folder'")
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f'{path}: no such file or folder')
    files = [path] if path.is_file() else sorted(
        file for file in path.rglob('*') if file.is_file())
    found = FoundExams()
    wanted = (modality, ) if isinstance(modality, str) else tuple(modality)
    usable = []
    for file in tqdm(files, desc='headers', unit='file', leave=False):
        try:
            key, view = _inspect(file, group_by == 'folder')
            if view.modality not in wanted:
                raise MammogramError(file, f'a {view.modality} image; '
                                     f'{" or ".join(wanted)} is asked for')
        except MammogramError as error:
            found.skipped.append((file, error.reason))
        else:
            usable.append((view.for_processing, view.path, key, view))
    for _, file, key, view in sorted(usable, key=lambda item: item[:2]):
        views = found.exams.setdefault(key, {})
        name = with_modality(view.name, view.modality if len(wanted) > 1 else None)
        if name in views:
            found.skipped.append((file, f'another {name} of the same exam; '
                                  f'{views[name].path.name} is used'))
        else:
            views[name] = view
    return found
