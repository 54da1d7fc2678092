"""CBIS-DDSM, the curated breast imaging subset of the DDSM."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from mammo_plugins.structures import VIEWS
from mammo_plugins.structures.categories import CBIS_DDSM

from .base import Converter
from .cbis_ddsm_files import CaseFiles, Header, is_case, same_shape, same_size
from .cells import CONCERN, most_concerning, read_birads, read_density
from .raw_folder import RawFolder, Row
from .records import Catalogue, ConversionError, RawLesion, RawView

EXPECTED = (
    'the CBIS-DDSM download: the tables mass_case_description_train_set'
    '.csv, mass_..._test_set.csv, calc_..._train_set.csv and calc_..._test_'
    'set.csv (at least one), and DICOM files in folders such as '
    'CBIS-DDSM/Mass-Training_P_00001_LEFT_CC'
)

# column names differ between the mass and the calcification tables; punctuation
# ('breast_density', 'breast density') is ignored
COLUMNS = dict(
    patient='patient_id',
    side='left or right breast|breast side|side',
    view='image view|view',
    density='breast density?',
    number='abnormality id?',
    type='abnormality type?',
    assessment='assessment?',
    pathology='pathology?',
    image='image file path?',
    crop='cropped image file path?',
    mask='ROI mask file path?',
)

CATEGORIES = dict(mass='mass', calc='calcification')
PARTS = dict(test='test', train='training')  # the test part comes first
SIDES = dict(LEFT='L', RIGHT='R', L='L', R='R')
PATHOLOGIES = dict(
    MALIGNANT='malignant', BENIGN='benign', BENIGN_WITHOUT_CALLBACK='benign'
)


@dataclass(frozen=True)
class Abnormality:
    """A row of a case table: one abnormality in one image."""

    kind: str  # 'mass' or 'calc', from the table
    part: str
    patient: str
    laterality: str
    view: str
    number: str
    category: str
    density: str | None
    birads: str | None
    pathology: str | None
    image_path: str
    mask_path: str
    crop_path: str

    @property
    def image_name(self) -> str:
        """str: The case built from the columns, such as 'Mass-Test_P_00001_LEFT_CC'."""
        side = 'LEFT' if self.laterality == 'L' else 'RIGHT'
        return (
            f'{self.kind.title()}-{PARTS[self.part].title()}_{self.patient}_'
            f'{side}_{self.view}'
        )

    @property
    def region_name(self) -> str:
        """str: The folder that contains the crop and the mask."""
        return f'{self.image_name}_{self.number}'

    @property
    def breast(self) -> tuple[str, str]:
        """tuple[str]: Patient and side."""
        return self.patient, self.laterality

    @property
    def lesion(self) -> tuple[str, str, str, str]:
        """tuple[str]: The key that rows of one lesion in CC and MLO share."""
        return self.patient, self.laterality, self.kind, self.number


class CBISDDSMConverter(Converter):
    """Reads CBIS-DDSM as the NBIA Data Retriever downloads it.

    Sources: R. S. Lee et al., "A curated mammography data set for use in
    computer-aided detection and diagnosis research", Scientific Data 4:170177,
    2017; the collection's page of The Cancer Imaging Archive (TCIA).

    Raw format: four tables, for masses and calcifications, training and test. A row
    describes one abnormality in one image: patient ('P_00001'), density 1-4, breast,
    view, number of the abnormality, its descriptors, BI-RADS assessment 0-5, pathology,
    and the paths of the full image, of the crop and of the ROI mask. Cells may contain
    line breaks. Images are scanned film, 16 bit, without a pixel spacing. Masks have 8
    bits, 255 in the lesion, and the size of the image. PatientID and the folder name
    give the case ('Mass-Test_P_00001_LEFT_CC', with the abnormality's number appended
    for crop and mask), which TCIA publishes as the pseudonym. The rest of the tables'
    paths does not match the names in downloads.

    Rules: a patient is one exam because a DDSM case is one study. All images show an
    abnormality. BENIGN_WITHOUT_CALLBACK counts as benign. A view is malignant if one of
    its lesions is. A lesion has its own assessment; a view has the most suspicious one
    in the breast, in the order of ``cells.CONCERN``. Abnormalities are numbered per
    view. In breasts with several, the numbers differ between CC and MLO, as the
    descriptors show. Lesions in CC and MLO count as the same lesion if each view has
    only one of the kind, the numbers are equal and the pathologies do not differ. All
    entries of the mass tables are 'mass', including those with the shape of an
    architectural distortion, an asymmetry or a lymph node.

    A film listed in both the mass and the calcification tables appears twice, under two
    cases, and the official split may assign them to different parts. DDSM cases have
    one film per view, so copies with the same proportions become one view with the
    lesions of both. It belongs to the test part if one of them does. If the proportions
    differ, only the copy in the test part, or else the one of the masses, is used.

    Traps: 'cropped image' and 'ROI mask' are mixed up in the tables and are stored in
    one folder or in two, so masks are identified by bits and size. SeriesDescription is
    missing in some files. Some masks differ in size from their image (listed in
    github.com/fjeg/ddsm_tools, issue 5). A mask with the same proportions is stretched:
    the usual ratio, 1.149, is that of the pixel sizes of two scanners, 50 and 43.5 um.
    A mask whose proportions differ by more than 1% cannot cover the same field and is
    left out.
    """

    name = 'CBIS-DDSM'
    categories = CBIS_DDSM
    official_split = True

    def catalogue(self, raw: Path) -> Catalogue:
        """See :meth:`Converter.catalogue`."""
        folder = RawFolder(raw, EXPECTED)
        catalogue = folder.new_catalogue()
        rows = _read_tables(folder, catalogue)
        files = CaseFiles(folder)
        if not files.count:
            raise ConversionError(
                f'{raw}: no DICOM files; expected {EXPECTED}; copies of the data '
                'set in PNG or JPEG are not read'
            )
        facts = _Facts(rows)
        stretched = 0
        films: dict[tuple, list[Abnormality]] = defaultdict(list)
        for row in rows:
            films[row.patient, row.laterality, row.view].append(row)
        for film in tqdm(sorted(films), desc='headers', unit='film', smoothing=0):
            stretched += _add_views(catalogue, films[film], files, facts)
        _add_notes(catalogue, rows, facts, stretched)
        return catalogue


class _Facts:
    """Facts about breasts and lesions, collected from all rows."""

    def __init__(self, rows: Iterable[Abnormality]) -> None:
        birads: dict[tuple, set] = defaultdict(set)
        views: dict[tuple, dict[str, list[Abnormality]]] = defaultdict(dict)
        for row in rows:
            birads[row.breast].add(row.birads)
            views[(*row.breast, row.kind)].setdefault(row.view, []).append(row)
        self.unjoined = {
            breast for breast, found in views.items() if not _is_one_lesion(found)
        }
        self.birads = {
            breast: most_concerning(found) for breast, found in birads.items()
        }

    def lesion_id(self, row: Abnormality) -> str | None:
        """Return the id of the lesion that CC and MLO share."""
        if (*row.breast, row.kind) in self.unjoined:
            return None
        return '_'.join(row.lesion)


def _is_one_lesion(views: dict[str, list[Abnormality]]) -> bool:
    """Return whether the rows of a breast's views certainly show the same lesion."""
    if len(views) == 1:
        return True
    (first, *more), (second, *others) = views.values()
    return (
        not more
        and not others
        and first.number == second.number
        and len({first.pathology, second.pathology} - {None}) < 2
    )


def _read_tables(folder: RawFolder, catalogue: Catalogue) -> list[Abnormality]:
    """Return the abnormalities, those of the test part and masses first."""
    rows: dict[tuple, Abnormality] = {}
    missing = []
    for part, word in PARTS.items():
        for kind in CATEGORIES:
            table = _find_table(folder, kind, part, word, catalogue)
            if table is None:
                missing.append(f'{kind}_case_description_{part}_set.csv')
                continue
            for row in folder.table(table, COLUMNS):
                item = f'{table.name}, row {row["row"]}'
                found = _parse(row, kind, part)
                if found is None:
                    catalogue.skip(
                        item,
                        'row without patient, side, view or number',
                        f'{row["side"]} {row["view"]}',
                    )
                    continue
                key = (*found.lesion, found.view)
                if key in rows:
                    catalogue.skip(item, 'abnormality given twice', found.region_name)
                else:
                    rows[key] = found
    if len(missing) == len(PARTS) * len(CATEGORIES):
        raise ConversionError(f'{folder.root}: no case table; expected {EXPECTED}')
    if missing:
        catalogue.notes.append(
            f'Not there, and so not converted: {", ".join(missing)}.'
        )
    return list(rows.values())


def _find_table(
    folder: RawFolder, kind: str, part: str, word: str, catalogue: Catalogue
) -> Path | None:
    # matched by its file name, or by the link's name on the collection's page
    found = folder.matching(
        rf'(.*/)?{kind}[-_ ](case[-_ ]description[-_ ]({part}|{word})([-_ ]set)?|'
        rf'({part}|{word})[-_ ]description)( ?\(\d+\))?\.csv'
    )
    found.sort(key=lambda file: (len(file.parts), file))
    if len(found) > 1:
        catalogue.notes.append(
            f'{found[0]} is read; not {", ".join(map(str, found[1:]))}.'
        )
    return found[0] if found else None


def _parse(row: Row, kind: str, part: str) -> Abnormality | None:
    """Return the abnormality of a row, ``None`` if it does not identify the breast."""
    patient = re.fullmatch(r'(?:P_)?0*(\d+)', _number(row['patient']).upper())
    laterality = SIDES.get(row['side'].upper())
    if not patient or not laterality or row['view'].upper() not in VIEWS:
        return None
    paths = [
        row[name].replace(' ', '').replace('\\', '/')
        for name in ('image', 'mask', 'crop')
    ]
    named = [
        case.rpartition('_')[2] for path in paths[1:] for case in _case(path, True)
    ]
    number = _number(row['number']) or next(iter(named), '')
    if not number:
        return None
    pathology = re.sub(r'[^A-Z]+', '_', row['pathology'].upper())
    calcification = row['type'].lower().startswith('calc') or (
        not row['type'] and kind == 'calc'
    )
    return Abnormality(
        kind,
        part,
        f'P_{int(patient[1]):05d}',
        laterality,
        row['view'].upper(),
        number,
        CATEGORIES['calc' if calcification else 'mass'],
        read_density(row['density']),
        read_birads(row['assessment']),
        PATHOLOGIES.get(pathology),
        *paths,
    )


def _number(text: str) -> str:
    """Return a whole number without decimals, other texts unchanged."""
    return re.sub(r'^(\d+)[.,]0+$', r'\1', text)


def _case(path: str, region: bool) -> list[str]:
    return [part for part in path.split('/') if is_case(part, region)]


def _add_views(
    catalogue: Catalogue, rows: list[Abnormality], files: CaseFiles, facts: _Facts
) -> int:
    """Add the view of a film's rows; return how many masks will be stretched."""
    copies: list[tuple[Header, list[Abnormality]]] = []
    cases: dict[str, list[Abnormality]] = defaultdict(list)
    for row in rows:
        cases[row.image_name].append(row)
    for name, members in cases.items():
        image = _find_image(catalogue, name, members, files)
        if image is None:
            continue
        for first, merged in copies:
            if same_shape(first, image):
                merged += members
                break
        else:
            copies.append((image, list(members)))
    stretched = 0
    for image, members in copies:
        lesions = []
        for row in members:
            mask = _find_mask(catalogue, row, image, files)
            if mask is not None:
                stretched += not same_size(mask, image)
                lesions.append(
                    RawLesion(
                        row.category,
                        mask_file=mask.file,
                        birads=row.birads,
                        pathology=row.pathology,
                        lesion_id=facts.lesion_id(row),
                    )
                )
        catalogue.views.append(_view(image, members, lesions, facts))
    return stretched


def _find_image(
    catalogue: Catalogue, name: str, rows: list[Abnormality], files: CaseFiles
) -> Header | None:
    paths = [row.image_path for row in rows]
    names = [*(case for path in paths for case in _case(path, False)), name]
    found = files.find(names, paths)
    image = files.full_image(found)
    if image is None:
        detail = f'{len(rows)} abnormalities' + (
            f'; {found[0]} is none' if found else ''
        )
        catalogue.skip(name, 'full mammogram not found', detail)
    return image


def _find_mask(
    catalogue: Catalogue, row: Abnormality, image: Header, files: CaseFiles
) -> Header | None:
    paths = [row.mask_path, row.crop_path]
    names = [*(case for path in paths for case in _case(path, True)), row.region_name]
    found = files.find(names, paths)
    mask = files.mask(found, image)
    if mask is None:
        catalogue.skip(
            row.region_name, 'ROI mask not found', f'among {len(found)} files'
        )
    elif not same_shape(mask, image):
        catalogue.skip(
            row.region_name,
            'ROI mask of other proportions than its image',
            f'mask {mask.shown}, image {image.shown}',
        )
        mask = None
    return mask


def _view(
    image: Header, rows: list[Abnormality], lesions: list[RawLesion], facts: _Facts
) -> RawView:
    first = rows[0]
    densities = {row.density for row in rows} - {None}
    pathologies = {row.pathology for row in rows}
    pathology = None
    if 'malignant' in pathologies:
        pathology = 'malignant'
    elif pathologies == {'benign'}:
        pathology = 'benign'
    return RawView(
        image.file,
        first.patient,
        first.patient,
        first.laterality,
        first.view,
        modality='SFM',
        part=first.part,
        birads=facts.birads[first.breast],
        density=densities.pop() if len(densities) == 1 else None,
        pathology=pathology,
        abnormal=True,
        lesions=lesions,
    )


def _add_notes(
    catalogue: Catalogue, rows: list[Abnormality], facts: _Facts, stretched: int
) -> None:
    parts: dict[str, set] = defaultdict(set)
    kinds: dict[tuple, set] = defaultdict(set)
    for row in rows:
        parts[row.patient].add(row.part)
        kinds[row.patient, row.laterality, row.view].add(row.kind)
    counts = Counter(
        patients=sum(len(found) > 1 for found in parts.values()),
        films=sum(len(found) > 1 for found in kinds.values()),
        breasts=len(facts.unjoined),
        masks=stretched,
    )
    for fact, note in (
        (
            'patients',
            'patients are in both the training and the test tables, which '
            'were split by kind of abnormality.',
        ),
        (
            'films',
            'films are listed with masses and with calcifications; such '
            'copies are one view, of the test part if one of them is.',
        ),
        (
            'breasts',
            'times a breast has masses, or calcifications, whose CC and MLO may '
            'show different lesions: they have no lesion_id.',
        ),
        (
            'masks',
            'ROI masks have another size than their image, in the same '
            'proportions, and are stretched.',
        ),
    ):
        if counts[fact]:
            catalogue.notes.append(f'{counts[fact]} {note}')
    catalogue.notes.append(
        'BI-RADS of a view is that of most concern in its breast, in the order '
        f'{" ".join(CONCERN)}.'
    )
